#pragma once

#include <string>
#include <string_view>

namespace serin::count {

/// A source's path in two: the folder, and the last component, which may hold '*' and '?' ("/var/log/shop/*.log").
struct SourcePattern {
  std::string folder;
  std::string name;
  bool is_pattern = false;  ///< `name` stands for any number of files
  friend bool operator==(const SourcePattern&, const SourcePattern&) = default;
};
SourcePattern split_source_path(const std::string& path);

/// '*' stands for any bytes, '?' for one; a name that begins with '.' fits only a pattern that does. Every other byte
/// stands for itself. Linear in name times pattern.
bool fits_pattern(std::string_view pattern, std::string_view name);

/// A name that log rotation gives: "x.log.1", "x.log-20260131", "x.log.2.gz", "x.log~". A pattern leaves these out:
/// what they hold was counted while it was written.
bool is_rotated_name(std::string_view name);

/// A name that rotation gives to `name`, and whose bytes are still what was written: "x.log.1", "x.log-20260131", not
/// "x.log.1.gz".
bool is_rotated_name_of(std::string_view name, std::string_view candidate);

/// What packed a file that begins with these bytes ("gzip"); empty: nothing that is known here.
std::string_view packed_by(std::string_view head);

/// Of two rotated names of one log: `one` was rotated after `other`. Smaller numbers are newer, later dates too.
bool is_rotated_after(std::string_view one, std::string_view other);

}  // namespace serin::count
