#include "agent/count/literal_sets.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "agent/count/required_literals.h"

namespace serin::count {
namespace {

constexpr std::size_t kTextsMax = 32;
constexpr std::size_t kTextBytesMax = 64;

std::optional<Texts> product(const Texts& left, const Texts& right) {
  if (left.size() * right.size() > kTextsMax) return std::nullopt;
  Texts all;
  for (const auto& first : left) {
    for (const auto& second : right) {
      if (first.size() + second.size() > kTextBytesMax) return std::nullopt;
      all.insert(first + second);
    }
  }
  return all;
}

/// In bits. Letters as in English words, which logs are full of; upper case and signs are rarer.
double byte_rarity(char c) {
  constexpr std::string_view kCommon = "etaoinsrhldcumfpgwybvkxjqz";
  const auto place = kCommon.find(c);
  if (place != std::string_view::npos) return 4.0 + 0.2 * static_cast<double>(place);
  if (c == ' ' || c == '0' || c == '1' || c == '2') return 3.5;
  if ((c >= '3' && c <= '9') || c == '-' || c == ':' || c == '.' || c == '/') return 4.5;
  if (c == '"' || c == '=' || c == ',' || c == '_') return 6;
  if (c == '[' || c == ']' || c == '(' || c == ')') return 6.5;
  return 8;
}

const Texts& rarer(const Texts& one, const Texts& other) {
  return rarity_of(other) > rarity_of(one) ? other : one;
}

}  // namespace

Node anything() {
  return {};
}
Node texts(Texts all) {
  return {.whole = std::move(all), .part = {}};
}

double rarity_of(const Texts& all) {
  if (all.empty()) return -1;
  double often = 0;
  for (const auto& text : all) {
    if (text.size() < kLiteralBytesMin) return -1;
    often += std::exp2(-rarity(text));
  }
  return -std::log2(often);
}

Texts held(const Node& node) {
  return node.whole && rarity_of(*node.whole) > rarity_of(node.part) ? *node.whole : node.part;
}

Node either(const Node& left, const Node& right) {
  Node node;
  if (left.whole && right.whole) {
    Texts all = *left.whole;
    all.insert(right.whole->begin(), right.whole->end());
    if (all.size() <= kTextsMax) node.whole = std::move(all);
  }
  const auto one = held(left), other = held(right);
  if (!one.empty() && !other.empty() && rarity_of(one) >= 0 && rarity_of(other) >= 0) {
    node.part = one;
    node.part.insert(other.begin(), other.end());
    if (node.part.size() > 4 * kTextsMax) node.part.clear();
  }
  return node;
}

void Sequence::add(const Node& node) {
  best_ = rarer(best_, node.part);
  auto longer = node.whole ? product(run_, *node.whole) : std::nullopt;
  if (longer) {
    run_ = std::move(*longer);
    return;
  }
  best_ = rarer(best_, run_);
  run_ = node.whole ? *node.whole : Texts{""};
  broken_ = true;
}

Node Sequence::node() const {
  if (!broken_) return {.whole = run_, .part = best_};
  return {.whole = {}, .part = rarer(best_, run_)};
}

std::size_t rarest_window(std::string_view literal) {
  std::size_t best = 0;
  double most = -1;
  for (std::size_t at = 0; at == 0 || at + kWindowBytes <= literal.size(); ++at) {
    double sum = 0;
    for (const char c : literal.substr(at, kWindowBytes)) sum += byte_rarity(c);
    if (sum <= most) continue;
    most = sum;
    best = at;
  }
  return best;
}

double rarity(std::string_view literal) {
  double sum = 0;
  for (const char c : literal.substr(rarest_window(literal), kWindowBytes)) sum += byte_rarity(c);
  return sum;
}

}  // namespace serin::count
