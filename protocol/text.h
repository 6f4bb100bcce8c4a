#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/clock.h"

namespace serin {

/// Text from elsewhere (messages, host output, log lines, paths) made safe for a terminal: control bytes, characters
/// that reorder or hide text and what is not UTF-8 become \n, \t, \e or \xNN; a text of more than `bytes_max` bytes is
/// cut, never inside a character, with "… (N bytes more)".
std::string printable(std::string_view text, std::size_t bytes_max = 512);

/// As printable(), but line feeds stay: for a hook's output.
std::string printable_lines(std::string_view text, std::size_t bytes_max = 8'192);

/// Shortest exact form that people write: "250ms", "20s", "5m", "1h30m".
std::string duration_text(Duration length);
/// Reads that form, also with other numbers ("90s", "0ms"): units h, m, s, ms in this order, each at most once, no
/// sign, fraction or space. Nothing for anything else.
std::optional<Duration> parse_duration(std::string_view text);
/// How long ago, in one unit: "now", "3 s", "5 min", "2 h", "4 d".
std::string age_text(Duration age);
/// In a sentence: "just now", "3 s ago".
std::string ago_text(Duration age);
/// "312 B", "12.4 kB", "1.9 MB".
std::string bytes_text(std::uint64_t bytes);
/// "512kB", "64MB", "4 GB": a whole number and one of B, kB, MB, GB, TB (powers of 1,000). Nothing for anything else.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// True for names of hosts, applications, groups and labels: letters, digits, '.', '-', '_', not first '.' or '-',
/// at most `bytes_max` bytes.
bool is_plain_name(std::string_view name, std::size_t bytes_max = 64);

/// "*", or what may be an address or a network interface to listen at; IPv6 in brackets.
bool is_bind_address(std::string_view text);

/// Shell-style pattern over a whole name: '*', '?', '[abc]', '[0-9]'.
bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace serin
