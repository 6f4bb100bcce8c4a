#include "tests/simulation/calibration/variants.h"

#include <algorithm>
#include <stdexcept>

#include "controller/judge/settings_by_name.h"

namespace serin::calibration {

judge::SequentialSettings settings_of(const std::string& variant) {
  std::size_t end = std::min(variant.find('+'), variant.size());
  const auto name = variant.substr(0, end);
  if (std::ranges::find(kVariants, name) == kVariants.end()) {
    throw std::invalid_argument("'" + name + "' is no variant: there are default and specified");
  }
  judge::JudgeSettings settings;
  settings.kind = judge::JudgeKind::sequential;
  if (name == "specified") settings.sequential = judge::as_specified();
  while (end < variant.size()) {
    const std::size_t begin = end + 1;
    end = std::min(variant.find('+', begin), variant.size());
    const auto done = judge::set_by_name(settings, variant.substr(begin, end - begin));
    if (!done) throw std::invalid_argument(done.error().text);
  }
  return settings.sequential;
}

}  // namespace serin::calibration
