#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "controller/judge/verdict.h"

namespace serin::judge {

/// A verdict for scripts: `answer`, `judge`, `reason`, `text`, `seconds`, `hosts` and, of the sequential judge,
/// `numbers` (else null). All strings are safe for a terminal. Pure.
nlohmann::json verdict_json(const Verdict& verdict);
/// Of the numbers alone; `as_text` makes strings of what may hold any bytes.
nlohmann::json numbers_json(const SequentialNumbers& numbers,
                            const std::function<std::string(const std::string&)>& as_text);

}  // namespace serin::judge
