#pragma once

#include <string_view>

namespace serin::count {

/// The line without what its writer put before the message: <PRI>, time, host, program[pid], process and thread ids in
/// brackets, level, the client of Apache, the request of MediaWiki, nginx's "FastCGI sent in stderr", all that an
/// access log has before the request. Told by their form alone, never by their values: lines that differ in digits only
/// are cut alike. Of a line that holds nothing else the whole. Looks at no more than a few hundred bytes. Pure; never
/// fails.
std::string_view without_prefix(std::string_view line);

}  // namespace serin::count
