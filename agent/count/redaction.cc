#include "agent/count/redaction.h"

#include <algorithm>
#include <utility>

#include "agent/count/byte_class.h"
#include "agent/count/sensitive_key.h"

namespace serin::count {
namespace {

constexpr std::size_t kDigitsMin = 13;
constexpr std::string_view kTokenEnds = ",;&)]}\"'`<>|";

bool is_hex(char byte) {
  return (class_of(byte) & (kDigit | kHexLetter)) != 0;
}

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string run(std::size_t enough) {
    while (at_ < text_.size()) {
      const char byte = text_[at_];
      // Addresses look back: all of the token must be there before it is cut.
      if (is_blank(byte) && out_.size() >= enough) break;
      if (is_word(byte)) {
        if (!address() && !digits()) word();
      } else if (byte == ':') {
        if (byte_at(at_ + 1) != ':' || is_word(last_written()) || !address()) copy();
      } else if (byte == '@') {
        mail();
      } else if (byte == '?') {
        query();
      } else {
        copy();
      }
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] char byte_at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
  [[nodiscard]] char byte_before() const { return at_ == 0 ? ' ' : text_[at_ - 1]; }
  [[nodiscard]] char last_written() const { return out_.empty() ? ' ' : out_.back(); }
  template <class Test>
  [[nodiscard]] std::size_t end_of(std::size_t from, Test test) const {
    while (from < text_.size() && test(text_[from])) ++from;
    return from;
  }
  [[nodiscard]] std::size_t token_end(std::size_t from) const {
    return end_of(from, [](char byte) { return !is_blank(byte) && kTokenEnds.find(byte) == kTokenEnds.npos; });
  }
  void copy() {
    const char byte = text_[at_++];
    out_ += byte;
    if (is_blank(byte) || (class_of(byte) & kOpens) != 0 || byte == '"' || byte == '\'') token_ = out_.size();
  }
  void replace(std::size_t end, std::string_view by) {
    out_ += by;
    at_ = end;
  }

  /// IPv4 and IPv6 addresses, with or without a port, whatever is joined to them.
  bool address() {
    auto end = end_of_four();
    if (end == at_) end = end_of_six();
    if (end == at_) return false;
    replace(end, "<ip>");
    return true;
  }
  /// Where it ends; at_: none.
  [[nodiscard]] std::size_t end_of_four() const {
    auto end = end_of(at_, is_digit);
    for (int i = 0; i < 3; ++i) {
      if (byte_at(end) != '.' || !is_digit(byte_at(end + 1))) return at_;
      end = end_of(end + 1, is_digit);
    }
    return byte_at(end) == ':' && is_digit(byte_at(end + 1)) ? end_of(end + 1, is_digit) : end;
  }
  /// With a digit, so that no scope of C++ or PHP is one.
  [[nodiscard]] std::size_t end_of_six() const {
    const auto end = end_of(at_, [](char byte) { return is_hex(byte) || byte == ':'; });
    const auto run = text_.substr(at_, end - at_);
    const bool shaped = run.find("::") != std::string_view::npos || std::ranges::count(run, ':') >= 5;
    return shaped && std::ranges::any_of(run, is_digit) ? end : at_;
  }

  /// 13 to 19 digits, and longer runs as well; also as on cards: four digits, then groups of three to six.
  bool digits() {
    if (!is_digit(text_[at_])) return false;
    std::size_t end = end_of(at_, is_digit);
    std::size_t count = end - at_;
    const bool in_groups = count == 4;
    for (std::size_t group = 0; in_groups && end < text_.size() && (text_[end] == ' ' || text_[end] == '-');
         end = group) {
      group = end_of(end + 1, is_digit);
      if (group - end - 1 < 3 || group - end - 1 > 6) break;
      count += group - end - 1;
    }
    if (count < kDigitsMin) return false;
    replace(end, "<digits>");
    return true;
  }

  void word() {
    const auto end = end_of(at_, is_word);
    const auto word = text_.substr(at_, end - at_);
    out_ += word;
    at_ = end;
    if (equals_in_any_case(word, "bearer") && byte_at(at_) == ' ') {
      copy();
      if (const auto to = token_end(at_); to != at_) replace(to, "<secret>");
      return;
    }
    auto kind = sensitive_key(word);
    if (kind == SensitiveKey::none || kind == SensitiveKey::who) return;
    // JSON and arrays of PHP: "token": "x", 'token' => 'x'
    std::size_t from = at_;
    if (byte_at(from) == '"' || byte_at(from) == '\'') ++from;
    from = end_of(from, [](char byte) { return byte == ' ' || byte == '\t'; });
    const bool is_key = byte_at(from) == '=' || (byte_at(from) == ':' && byte_at(from + 1) != ':');
    if (!is_key) return;
    from += byte_at(from + 1) == '>' ? 2U : 1U;
    from = end_of(from, [](char byte) { return is_blank(byte); });
    value(from, kind);
  }

  void value(std::size_t from, SensitiveKey kind) {
    const char quote = byte_at(from);
    const bool quoted = quote == '"' || quote == '\'';
    if (quoted) ++from;
    out_ += text_.substr(at_, from - at_);
    at_ = from;
    if (text_.substr(at_).starts_with("<secret>")) return;
    std::size_t to = token_end(at_);
    if (quoted) to = end_of(at_, [quote](char byte) { return byte != quote && byte != '\n'; });
    if (!quoted && kind == SensitiveKey::line) {
      to = end_of(at_, [](char byte) { return byte != '"' && byte != '\'' && byte != '\n'; });
    }
    if (!quoted) to = behind_scheme(to);
    if (to != at_) replace(to, "<secret>");
  }

  /// "password= Bearer X": the secret is X.
  [[nodiscard]] std::size_t behind_scheme(std::size_t to) const {
    if (!equals_in_any_case(text_.substr(at_, to - at_), "bearer")) return to;
    return token_end(end_of(to, [](char byte) { return is_blank(byte); }));
  }

  void mail() {
    const auto end = end_of(at_ + 1, [](char byte) { return is_word(byte) || byte == '.' || byte == '-'; });
    if (out_.size() == token_ || end == at_ + 1 || text_.substr(at_, end - at_).find('.') == text_.npos) return copy();
    out_.resize(token_);
    replace(end, "<email>");
  }

  void query() {
    const char next = byte_at(at_ + 1);
    const bool starts = (class_of(byte_before()) & kPath) != 0 && (is_word(next) || next == '%');
    if (!starts) return copy();
    const auto end = end_of(at_, [](char byte) {
      return !is_blank(byte) && std::string_view(")]}\"'`<>|").find(byte) == std::string_view::npos;
    });
    replace(end, "?<query>");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t token_ = 0;  ///< where in out_ the token that is being read began
};

}  // namespace

std::string redacted(std::string_view text, std::size_t enough) {
  return Redactor(text).run(enough);
}

}  // namespace serin::count
