#include "agent/count/line_prefix.h"

#include <algorithm>
#include <cstddef>

#include "agent/count/byte_class.h"

namespace serin::count {
namespace {

constexpr std::size_t kPartsMax = 16;
constexpr std::size_t kPartBytesMax = 160;  ///< a longer one is no part of a prefix
constexpr std::size_t kAccessBytesMax = 400;
constexpr std::size_t kOriginWords = 5;
constexpr std::size_t kStampDigits = 6;  ///< no time or date has fewer

constexpr std::string_view kLevels[] = {"ERROR",  "INFO",     "WARN", "WARNING", "FATAL", "DEBUG",     "TRACE",
                                        "NOTICE", "CRITICAL", "CRIT", "ALERT",   "EMERG", "EMERGENCY", "SEVERE"};
constexpr std::string_view kSmallLevels[] = {"error", "crit", "alert", "emerg", "warn", "notice", "info", "debug"};
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kDays = "MonTueWedThuFriSatSun";
constexpr std::string_view kFastCgi[] = {"FastCGI sent in stderr: \"PHP message: ", "FastCGI sent in stderr: \""};

bool is_one_of(std::string_view name, std::string_view names) {
  if (name.size() != 3) return false;
  for (std::size_t i = 0; i < names.size(); i += 3) {
    if (names.substr(i, 3) == name) return true;
  }
  return false;
}
bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}
bool has_digit(std::string_view text) {
  return std::ranges::any_of(text, is_digit);
}
bool is_level(std::string_view word) {
  return std::ranges::find(kLevels, word) != std::end(kLevels);
}
/// "error", "php7:error", "core:notice"
bool is_small_level(std::string_view word) {
  const auto colon = word.rfind(':');
  if (colon != std::string_view::npos) word.remove_prefix(colon + 1);
  return std::ranges::find(kSmallLevels, word) != std::end(kSmallLevels);
}

/// Takes one part of the prefix after the other off the front.
class Prefix {
 public:
  explicit Prefix(std::string_view line) : rest_(line) {}

  std::string_view strip() {
    take_access();
    for (std::size_t i = 0; i < kPartsMax && (take_part() || take_mediawiki()); ++i) {
    }
    if (stamped_) take_nginx();
    return rest_;
  }

 private:
  bool take_part() {
    if (rest_.empty()) return false;
    const char first = rest_.front();
    if (first == '[') return take_bracket();
    if (first == '<') return take_priority();
    if (is_digit(first)) return take_number();
    if (first == '-' || first == ':' || first == '|' || first == '*') return stamped_ && take_separator();
    if (first == '/' || first == 'h') return bracketed_ && take_request();
    if (first >= 'A' && first <= 'Z') return take_level() || take_month() || take_glog();
    return false;
  }

  /// An access log's "host client - user [01/May/2026:10:00:00 +0000] " before its "request": names of people and
  /// months are no message.
  void take_access() {
    constexpr std::string_view kForm = "00/Mon/0000:00:00:00 +0000] \"";
    const auto window = rest_.substr(0, kAccessBytesMax);
    for (auto at = window.find('['); at != std::string_view::npos; at = window.find('[', at + 1)) {
      const auto stamp = rest_.substr(at + 1, kForm.size());
      const auto has_form = [](char byte, char form) {
        if (form == '+') return byte == '+' || byte == '-';
        return form == '0' ? is_digit(byte) : is_word(form) || byte == form;
      };
      if (!std::ranges::equal(stamp, kForm, has_form) || !is_one_of(stamp.substr(3, 3), kMonths)) continue;
      rest_.remove_prefix(at + kForm.size());
      return;
    }
  }

  /// The first word, up to a blank; empty: too long for a part.
  [[nodiscard]] std::string_view word() const {
    const auto window = rest_.substr(0, kPartBytesMax);
    const auto end = std::ranges::find_if(window, is_blank) - window.begin();
    if (static_cast<std::size_t>(end) == kPartBytesMax) return {};
    return window.substr(0, static_cast<std::size_t>(end));
  }
  void skip(std::size_t bytes) {
    rest_.remove_prefix(bytes);
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  bool skip_word() {
    const auto bytes = word().size();
    if (bytes == 0) return false;
    skip(bytes);
    return true;
  }

  /// "[error]", "[pid 12:tid 34]", "[Fri Jan 02 03:04:05.123 2026]"
  bool take_bracket() {
    const auto end = rest_.substr(0, kPartBytesMax).find(']');
    if (end == std::string_view::npos) return false;
    const auto inside = rest_.substr(1, end - 1);
    if (inside.find('[') != std::string_view::npos) return false;
    if (!stamped_ && !has_digit(inside) && !is_small_level(inside) && !is_level(inside)) return false;
    stamped_ = bracketed_ = true;
    skip(end + 1);
    return true;
  }

  bool take_priority() {
    const auto end = rest_.substr(0, 5).find('>');
    if (end == std::string_view::npos || !all_digits(rest_.substr(1, end - 1))) return false;
    rest_.remove_prefix(end + 1);
    stamped_ = true;
    if (rest_.size() > 2 && is_digit(rest_[0]) && rest_[1] == ' ') return take_rfc5424();
    if (rest_.empty() || is_digit(rest_.front()) || take_month()) return true;
    take_tag(false);
    return true;
  }

  /// "1 2026-01-02T03:04:05Z host app 12 id [data] message"
  bool take_rfc5424() {
    skip(2);
    for (int i = 0; i < 5; ++i) {
      if (!skip_word()) return true;
    }
    if (rest_.starts_with("- ")) skip(2);
    while (rest_.starts_with('[')) {
      const auto end = rest_.substr(0, kPartBytesMax).find(']');
      if (end == std::string_view::npos) break;
      skip(end + 1);
    }
    return true;
  }

  /// A date, a time, or after one of these a process id, as "2026-01-02T03:04:05.123Z", "081109", "12#34:".
  bool take_number() {
    auto text = word();
    const auto bytes = text.size();
    if (text.ends_with(':')) text.remove_suffix(1);
    const auto digits = static_cast<std::size_t>(std::ranges::count_if(text, is_digit));
    const auto is_part = [](char byte) {
      return is_digit(byte) || std::string_view("-:./,+TZ#").find(byte) != std::string_view::npos;
    };
    if (digits == 0 || !std::ranges::all_of(text, is_part)) return false;
    if (digits < kStampDigits && (!stamped_ || (digits != text.size() && text.find('#') == std::string_view::npos))) {
      return false;
    }
    skip(bytes);
    if (const auto time = text.find('T'); time != std::string_view::npos) {
      // rsyslog's form, "2026-01-02T03:04:05.123456+01:00 host program: ", needs no process id to be known.
      const auto clock = text.substr(time);
      const bool is_rsyslogs =
          clock.find('.') != std::string_view::npos && clock.find_first_of("+-") != std::string_view::npos;
      take_host_and_tag(!is_rsyslogs);
    }
    stamped_ = true;
    return true;
  }

  /// "-", "---", ":", and nginx's "*45"
  bool take_separator() {
    const auto text = word();
    const bool lone = std::ranges::all_of(text, [](char byte) { return byte == '-' || byte == ':' || byte == '|'; });
    if (text.empty() || (!lone && (text.front() != '*' || !all_digits(text.substr(1))))) return false;
    skip(text.size());
    return true;
  }

  /// MediaWiki: "[request id] /w/index.php   Exception ..."
  bool take_request() {
    const auto bytes = word().size();
    if (bytes == 0 || rest_.size() < bytes + 2 || !is_blank(rest_[bytes + 1])) return false;
    if (rest_.front() == 'h' && !rest_.starts_with("http")) return false;
    skip(bytes);
    return true;
  }

  /// Behind a time: MediaWiki's "host wiki: " before "[request id]" or "Error 12", and "host wiki version channel
  /// ERROR: ".
  bool take_mediawiki() {
    if (!stamped_ || has_origin_ || rest_.empty() || is_blank(rest_.front())) return false;
    auto from = rest_.substr(0, kPartBytesMax);
    for (std::size_t words = 1; words <= kOriginWords; ++words) {
      const auto end = from.find_first_of(" \t");
      if (end == 0 || end == std::string_view::npos) return false;
      const auto text = from.substr(0, end);
      from.remove_prefix(end + 1);
      if (text.ends_with(':')) {
        const bool is_level_there = words >= 4 && is_level(text.substr(0, text.size() - 1));
        const bool is_legacy = words == 2 && (from.starts_with('[') || from.starts_with("Error "));
        if (!is_level_there && !is_legacy) return false;
        has_origin_ = true;
        skip(static_cast<std::size_t>(from.data() - rest_.data()));
        return true;
      }
      // A host has a number, or a name of several parts; a sentence begins with neither.
      if (words == 1 && !has_digit(text) && text.find_first_of(".-") == std::string_view::npos) return false;
    }
    return false;
  }

  bool take_level() {
    const auto window = rest_.substr(0, 10);
    const auto end = static_cast<std::size_t>(
        std::ranges::find_if(window, [](char byte) { return byte < 'A' || byte > 'Z'; }) - window.begin());
    if (end == window.size() || !(is_blank(rest_[end]) || rest_[end] == ':') || !is_level(rest_.substr(0, end))) {
      return false;
    }
    skip(rest_[end] == ':' ? end + 1 : end);
    stamped_ = true;
    return true;
  }

  /// "Jan  2 03:04:05 host program[12]: ", also with the day of the week before and a year after.
  bool take_month() {
    auto from = rest_;
    if (from.size() > 4 && from[3] == ' ' && is_one_of(from.substr(0, 3), kDays)) from.remove_prefix(4);
    if (from.size() < 15 || from[3] != ' ' || !is_one_of(from.substr(0, 3), kMonths)) return false;
    const auto is_day = (from[4] == ' ' || is_digit(from[4])) && is_digit(from[5]) && from[6] == ' ';
    if (!is_day || from[9] != ':' || from[12] != ':' || !all_digits(from.substr(13, 2))) return false;
    rest_ = from;
    skip(6);
    skip_word();
    if (rest_.size() > 4 && rest_[4] == ' ' && all_digits(rest_.substr(0, 4))) skip(4);
    stamped_ = true;
    take_host_and_tag(false);
    return true;
  }

  /// "E0102 03:04:05.123456"
  bool take_glog() {
    constexpr std::string_view kLetters = "IWEF";
    if (rest_.size() < 7 || kLetters.find(rest_[0]) == std::string_view::npos || !all_digits(rest_.substr(1, 4))) {
      return false;
    }
    if (rest_[5] != ' ' || !is_digit(rest_[6])) return false;
    skip(5);
    stamped_ = true;
    return true;
  }

  void take_host_and_tag(bool with_pid) {
    const auto before = rest_;
    if (is_level(word()) || !skip_word() || !take_tag(with_pid)) rest_ = before;
  }

  /// "program[12]: "
  bool take_tag(bool with_pid) {
    const auto text = word();
    if (text.size() < 2 || !text.ends_with(':')) return false;
    const auto bracket = text.find('[');
    const bool has_pid = text.ends_with("]:") && bracket != std::string_view::npos &&
                         all_digits(text.substr(bracket + 1, text.size() - bracket - 3));
    if (!has_pid && (with_pid || bracket != std::string_view::npos)) return false;
    // What the program wrote keeps its indentation: it may be a line of a traceback.
    rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
    return true;
  }

  void take_nginx() {
    if (rest_.starts_with("child ")) take_fpm_wrapper();
    for (const auto words : kFastCgi) {
      if (!rest_.starts_with(words)) continue;
      rest_.remove_prefix(words.size());
      const auto end = rest_.substr(0, 2'000).find("\" while ");
      if (end != std::string_view::npos) rest_ = rest_.substr(0, end);
      return;
    }
  }

  /// What PHP-FPM puts around a worker's own line: child 123 said into stderr: "NOTICE: PHP message: ..."
  void take_fpm_wrapper() {
    constexpr std::string_view kSaid = " said into stderr: \"";
    constexpr std::string_view kNotice = "NOTICE: PHP message: ";
    const auto at = rest_.substr(0, 64).find(kSaid);
    if (at == std::string_view::npos) return;
    rest_.remove_prefix(at + kSaid.size());
    if (rest_.starts_with(kNotice)) rest_.remove_prefix(kNotice.size());
    if (rest_.ends_with('"')) rest_.remove_suffix(1);
  }

  std::string_view rest_;
  bool stamped_ = false;     ///< something was taken: what looks like a part of a prefix is one
  bool bracketed_ = false;   ///< the last thing taken was in brackets
  bool has_origin_ = false;  ///< take_mediawiki() has taken something
};

}  // namespace

std::string_view without_prefix(std::string_view line) {
  const auto rest = Prefix(line).strip();
  return rest.empty() ? line : rest;
}

}  // namespace serin::count
