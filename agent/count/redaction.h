#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace serin::count {

/// The text without what must not leave a host, for samples that are raw otherwise: e-mail addresses become <email>,
/// IPv4 and IPv6 addresses <ip>, values of password=, token= and the like <secret>, so also what stands behind Bearer
/// and in Authorization and cookie headers; runs of 13 to 19 digits (cards, accounts), also in groups, <digits>; query
/// strings ?<query>. It knows forms, not meanings: names stay. Reads no more than gives `enough` bytes. Linear; what is
/// redacted once is not changed by doing it again. Pure; never fails.
std::string redacted(std::string_view text, std::size_t enough);

}  // namespace serin::count
