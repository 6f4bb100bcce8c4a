#include "tests/simulation/calibration/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace serin::calibration {

namespace {

constexpr std::array<std::pair<Noise, std::string_view>, 16> kNames{{{Noise::all, "all"},
                                                                     {Noise::nb, "nb"},
                                                                     {Noise::ou, "ou"},
                                                                     {Noise::clump, "clump"},
                                                                     {Noise::blip, "blip"},
                                                                     {Noise::diurnal, "diurnal"},
                                                                     {Noise::trans, "trans"},
                                                                     {Noise::trans6, "trans6"},
                                                                     {Noise::spam_canary, "spamC"},
                                                                     {Noise::spam_canaries, "spamC2"},
                                                                     {Noise::spam_control, "spamK"},
                                                                     {Noise::spam_past, "spampre"},
                                                                     {Noise::idle, "idle"},
                                                                     {Noise::mute_canaries, "muteC"},
                                                                     {Noise::mute_controls, "muteK"},
                                                                     {Noise::holes, "holes"}}};

/// Of the noises, what a good release must survive on every fleet.
constexpr std::array kNoises{Noise::pois,
                             Noise::nb,
                             Noise::ou,
                             Noise::clump,
                             Noise::blip,
                             Noise::diurnal,
                             Noise::trans,
                             Noise::spam_canary,
                             Noise::spam_control,
                             Noise::spam_past,
                             Noise::all,
                             Noise::all | Noise::trans,
                             Noise::all | Noise::trans | Noise::spam_canary,
                             Noise::idle,
                             Noise::mute_canaries,
                             Noise::mute_controls,
                             Noise::holes,
                             Noise::all | Noise::mute_controls};

}  // namespace

std::string name_of(Noise noise) {
  std::string name;
  auto left = static_cast<std::uint32_t>(noise);
  for (const auto& [one, word] : kNames) {
    const auto bits = static_cast<std::uint32_t>(one);
    if ((left & bits) != bits) continue;
    left &= ~bits;
    name += name.empty() ? "" : "+";
    name += word;
  }
  return name.empty() ? "pois" : name;
}

std::string Scenario::name() const {
  auto text = fmt::format("{} {} {}", fleet.name, base, name_of(noise));
  if (new_errors > 0) {
    text += fmt::format(" +{}", new_errors);
  } else {
    text += fmt::format(" x{}", factor);
  }
  if (onset_s > 0) text += fmt::format(" onset {}s", onset_s);
  if (limit) text += " (limit)";
  return text;
}

std::vector<Scenario> printed_rows() {
  const auto restart_and_spam = Noise::all | Noise::trans | Noise::spam_canary;
  return {
      {kSmall, 0},
      {kSmall, 0.01},
      {kSmall, 1},
      {kMedium, 0.01},
      {kMedium, 1},
      {kMedium, 50},
      {kLarge, 1},
      {kSmall, 0.01, restart_and_spam},
      {kSmall, 1, restart_and_spam},
      {kMedium, 1, Noise::nb},
      {kMedium, 1, Noise::ou},
      {kMedium, 1, Noise::blip},
      {kMedium, 1, Noise::trans},
      {kMedium, 1, Noise::spam_canary},
      {kMedium, 1, Noise::spam_control},
      {kMedium, 1, Noise::all},
      {kMedium, 1, restart_and_spam},
      {kMedium, 1, Noise::idle},
      {kSmall, 0.01, Noise::pois, 10},
      {kSmall, 0.01, Noise::pois, 100},
      {kSmall, 1, Noise::pois, 3},
      {kMedium, 0.01, Noise::pois, 10},
      {kMedium, 1, Noise::pois, 2},
      {kMedium, 1, Noise::pois, 3},
      {kMedium, 1, Noise::pois, 10},
      {kMedium, 50, Noise::pois, 3},
      {kLarge, 0.01, Noise::pois, 10},
      {kLarge, 1, Noise::pois, 3},
      {kMedium, 1, Noise::nb, 10},
      {kMedium, 1, Noise::blip, 10},
      {kMedium, 1, Noise::blip, 100},
      {kMedium, 1, Noise::all | Noise::trans, 10},
      {kMedium, 1, Noise::spam_canary, 10},
      {.fleet = kSmall, .base = 0, .new_errors = 0.05},
      {.fleet = kSmall, .base = 0, .new_errors = 0.2},
      {.fleet = kMedium, .base = 0, .new_errors = 0.2},
      {.base = 1, .noise = Noise::trans6, .limit = true},
      {.base = 1, .noise = Noise::spam_canaries, .limit = true},
      {.base = 1, .factor = 10, .onset_s = 15, .limit = true},
  };
}

std::vector<Scenario> good_rows() {
  const auto printed = printed_rows();
  std::vector<Scenario> rows;
  for (const auto noise : kNoises) {
    for (const auto& fleet : {kSmall, kMedium, kLarge}) {
      for (const double base : {0.0, 0.01, 1.0, 50.0}) {
        const Scenario row{fleet, base, noise};
        const bool known = std::ranges::any_of(printed, [&](const Scenario& one) { return one.name() == row.name(); });
        if (!known) rows.push_back(row);
      }
    }
  }
  return rows;
}

std::vector<Scenario> bad_rows() {
  const auto printed = printed_rows();
  std::vector<Scenario> rows;
  for (const auto noise : kNoises) {
    if (noise == Noise::idle) continue;
    for (const auto& fleet : {kSmall, kMedium, kLarge}) {
      for (const double base : {1.0, 50.0}) {
        for (const double factor : {3.0, 10.0, 100.0}) {
          const Scenario row{fleet, base, noise, factor};
          const bool known =
              std::ranges::any_of(printed, [&](const Scenario& one) { return one.name() == row.name(); });
          if (!known) rows.push_back(row);
        }
      }
    }
  }
  return rows;
}

}  // namespace serin::calibration
