#include "agent/count/mask.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "agent/count/byte_class.h"
#include "agent/count/sensitive_key.h"

namespace serin::count {
namespace {

constexpr std::size_t kHexWord = 8;         ///< shorter ones without a digit are words: "added", "face"
constexpr std::size_t kExtensionBytes = 8;  ///< longer ones are none
constexpr std::size_t kUserNameBytes = 64;
constexpr std::size_t kGroupBytes = 80;  ///< of what stands in "(...)" of a list, masked

/// Their base names say where an error is, digits or not: "Base64.php".
constexpr std::string_view kSourceExtensions[] = {
    "php", "py", "java", "js", "ts",    "mjs", "cjs", "rb",   "go",    "rs",  "c",   "cc",  "cpp", "h",  "hpp",
    "pm",  "pl", "inc",  "kt", "scala", "cs",  "lua", "twig", "phtml", "jsx", "tsx", "erl", "ex",  "sh", "vue"};

bool is_source(std::string_view extension) {
  return std::ranges::find(kSourceExtensions, extension) != std::end(kSourceExtensions);
}

/// "/srv/x/Foo.php" -> "Foo.php" and where its extension begins; empty: no extension.
struct BaseName {
  std::string_view name;
  std::string_view extension;
};
BaseName base_name(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const auto extension = path.substr(dot + 1);
  const auto is_plain = [](char byte) { return is_word(byte) && byte != '_' && (byte & 0x80) == 0; };
  if (extension.empty() || extension.size() > kExtensionBytes || is_digit(extension.front())) return {};
  if (!std::ranges::all_of(extension, is_plain)) return {};
  return {.name = path.substr(0, dot), .extension = extension};
}

class Masker {
 public:
  Masker(std::string_view text, char* out)
      : begin_(text.data()), at_(begin_), end_(at_ + text.size()), start_(out), out_(out), token_(out) {}

  std::size_t run(std::size_t enough) {
    while (at_ != end_) {
      const auto kind = class_of(*at_);
      if ((kind & kWord) != 0) {
        word();
      } else if ((kind & kBlank) != 0) {
        if (written() >= enough) break;
        blank();
      } else {
        sign(kind);
      }
    }
    // Of a list that is cut where its text ends it must not matter where.
    while (out_ != start_ && (out_[-1] == ' ' || out_[-1] == ',')) --out_;
    return written();
  }

 private:
  [[nodiscard]] std::size_t written() const { return static_cast<std::size_t>(out_ - start_); }
  void put(std::string_view text) {
    std::memcpy(out_, text.data(), text.size());
    out_ += text.size();
  }
  void put_value(std::string_view mark) {
    put(mark);
    fold_list(mark.size());
  }
  /// A list is one, however long: "IN (<#>)", "VALUES (<#>, <q>)". Its last item, of so many bytes, was just written.
  void fold_list(std::size_t item_bytes) {
    for (const std::string_view between : {", ", ","}) {
      const auto pair = 2 * item_bytes + between.size();
      if (written() < pair) continue;
      const std::string_view last(out_ - pair, pair);
      const auto item = last.substr(0, item_bytes);
      if (!last.ends_with(item) || last.substr(item_bytes, between.size()) != between) continue;
      out_ -= item_bytes + between.size();
      token_ = std::min(token_, out_);
      return;
    }
  }
  /// "(...)" was just written.
  void fold_group() {
    const auto window = std::min(written(), kGroupBytes);
    const std::string_view last(out_ - window, window);
    const auto opened = last.rfind('(');
    if (opened != std::string_view::npos) fold_list(window - opened);
  }
  [[nodiscard]] char before() const { return at_ == begin_ ? ' ' : at_[-1]; }
  [[nodiscard]] char after(std::size_t bytes) const {
    return static_cast<std::size_t>(end_ - at_) > bytes ? at_[bytes] : '\0';
  }
  [[nodiscard]] std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  void blank() {
    do ++at_;
    while (at_ != end_ && (class_of(*at_) & kBlank) != 0);
    if (out_ != start_ && out_[-1] != ' ') *out_++ = ' ';
    token_ = out_;
    in_url_ = false;
  }

  void sign(std::uint8_t kind) {
    switch (*at_) {
      case '"':
      case '\'':
      case '`':
        return quotation();
      case '/':
        return slash();
      case '@':
        return mail();
      case '?':
        return query();
      default:
        break;
    }
    *out_++ = *at_++;
    if (at_[-1] == ')') fold_group();
    if ((kind & kOpens) != 0 && !(in_url_ && at_[-1] == ':')) token_ = out_;
  }

  void word() {
    const char* const from = at_;
    char* const to = out_;
    std::uint8_t kinds = 0;
    do {
      kinds |= class_of(*at_);
      *out_++ = *at_++;
    } while (at_ != end_ && (class_of(*at_) & kWord) != 0);
    const auto size = static_cast<std::size_t>(at_ - from);
    if ((kinds & kDigit) != 0 || (size >= kHexWord && (kinds & kOtherLetter) == 0)) {
      out_ = to;
      return number();
    }
    if (at_ == end_) return;
    const std::string_view text(from, size);
    if (*at_ == '=' || *at_ == ':') {
      if ((kinds & kOtherLetter) == 0 && *at_ == ':' && is_address(from)) {
        out_ = to;
        return number();
      }
      key(text);
    } else if (*at_ == ' ') {
      words_before_secrets(text);
    }
  }

  /// Of letters a to f and a colon: whether an IPv6 or MAC address begins here. Takes it when it does.
  bool is_address(const char* from) {
    const char* end = from;
    int colons = 0;
    bool certain = false;
    for (; end != end_ && (*end == ':' || (class_of(*end) & (kDigit | kHexLetter)) != 0); ++end) {
      certain = certain || is_digit(*end) || (*end == ':' && end[-1] == ':');
      colons += *end == ':' ? 1 : 0;
    }
    const bool goes_on = end != end_ && is_word(*end);
    if (colons < 2 || !certain || goes_on) return false;
    at_ = end;
    return true;
  }

  /// A word with a digit, already passed; takes what is joined to it.
  void number() {
    while (end_ - at_ > 1) {
      const char join = *at_;
      const char* next = at_ + 1;
      if (join != '.' && join != ':' && join != '-' && join != '/' && join != ',') break;
      if (join == ':' && *next == ':') ++next;
      const char* const from = next;
      std::uint8_t kinds = 0;
      for (; next != end_ && is_word(*next); ++next) kinds |= class_of(*next);
      const bool is_hex = next != from && (kinds & kOtherLetter) == 0 && (join == '-' || join == ':');
      if (join == ',' ? from == next || !is_digit(*from) : (kinds & kDigit) == 0 && !is_hex) break;
      at_ = next;
    }
    put_value("<#>");
  }

  /// The end of the token that begins at `from`.
  [[nodiscard]] const char* token_end(const char* from) const {
    constexpr std::string_view kEnds = ",;&)]}\"'`<>|";
    return std::find_if(from, end_, [&](char byte) { return is_blank(byte) || kEnds.find(byte) != kEnds.npos; });
  }

  /// A word and '=' or ':' after it.
  void key(std::string_view word) {
    if (*at_ == ':' && (after(1) == ':' || after(1) == '/')) return;
    const auto kind = sensitive_key(word);
    if (kind == SensitiveKey::none || (kind == SensitiveKey::who && *at_ == ':' && is_blank(after(1)))) return;
    const char* from = at_ + 1;
    if (kind != SensitiveKey::who) {
      while (from != end_ && is_blank(*from)) ++from;
    }
    const char* to = token_end(from);
    if (kind == SensitiveKey::line) {
      to = std::find_if(from, end_, [](char byte) { return byte == '"' || byte == '\''; });
    } else if (from != end_ && (*from == '"' || *from == '\'')) {
      to = std::find(from + 1, end_, *from);
      if (to != end_) ++to;
    } else if (equals_in_any_case({from, static_cast<std::size_t>(to - from)}, "bearer")) {
      to = token_end(std::find_if_not(to, end_, is_blank));
    }
    *out_++ = *at_++;
    token_ = out_;
    if (to == from) return;
    put("<v>");
    at_ = to;
  }

  /// "Bearer X", and sshd's "user X from", "password for X from".
  void words_before_secrets(std::string_view word) {
    if (word.size() == 6 && equals_in_any_case(word, "bearer")) {
      const char* const to = token_end(at_ + 1);
      if (to == at_ + 1) return;
      put(" <v>");
      at_ = to;
      return;
    }
    constexpr std::string_view kPassword = "password for";
    const bool names = word == "user" || (word == "for" && written() >= kPassword.size() &&
                                          std::string_view(out_ - kPassword.size(), kPassword.size()) == kPassword);
    if (!names) return;
    const auto window = rest().substr(1, kUserNameBytes);
    const auto end = window.find(' ');
    constexpr std::string_view kFrom = "from ";
    if (end == 0 || end == std::string_view::npos || !rest().substr(end + 2).starts_with(kFrom)) return;
    put(" <v>");
    at_ += 1 + end;
  }

  void quotation() {
    const char quote = *at_;
    const char previous = before();
    const char* to = at_ + 1;
    if (quote == '\'' && (is_word(previous) || is_blank(after(1)))) {
      *out_++ = *at_++;  // can't
      return;
    }
    const char other = quote == '`' ? '\'' : quote;
    while (to != end_ && *to != quote && (*to != other || (to + 1 != end_ && is_word(to[1])))) {
      // In a JSON string that stands here as it is, both quotes are escaped.
      to += *to == '\\' && previous != '\\' && to + 1 != end_ ? 2 : 1;
    }
    if (to == end_ && quote != '"') {
      *out_++ = *at_++;
      return;
    }
    const std::string_view inside(at_ + 1, static_cast<std::size_t>(to - at_ - 1));
    at_ = to == end_ ? to : to + 1;
    // Python and Node name source files so. What else is quoted may be anybody's.
    const bool is_path = inside.starts_with('/') &&
                         std::ranges::all_of(inside, [](char byte) { return (class_of(byte) & kPath) != 0; }) &&
                         is_source(base_name(inside).extension);
    if (is_path) {
      put_path(inside);
    } else {
      put_value("<q>");
    }
    token_ = out_;
  }

  void slash() {
    const char previous = before();
    if (previous == ':' && after(1) == '/' && at_ - begin_ > 1 && is_word(at_[-2])) {
      put("//");
      at_ += 2;
      token_ = out_;
      in_url_ = true;
      return;
    }
    const char next = after(1);
    const bool starts = in_url_ || !(is_word(previous) || previous == '>' || previous == '.' || previous == '/');
    if (!starts || !(is_word(next) || next == '.' || next == '~' || next == '@')) {
      *out_++ = *at_++;
      token_ = out_;
      return;
    }
    const char* to = std::find_if(at_, end_, [](char byte) { return (class_of(byte) & kPath) == 0; });
    while (to[-1] == '.') --to;
    const std::string_view path(at_, static_cast<std::size_t>(to - at_));
    at_ = to;
    put_path(path);
  }

  void put_path(std::string_view path) {
    put("<p>");
    if (const auto base = base_name(path); !base.extension.empty()) {
      *out_++ = '/';
      put_base(base);
      *out_++ = '.';
      put(base.extension);
    }
    skip_line_number();
  }

  /// Pieces that a build numbers are masked; of files that hold no source all that has a digit.
  void put_base(const BaseName& base) {
    const auto is_usual = [](char byte) { return is_word(byte) || byte == '-' || byte == '.'; };
    if (!is_source(base.extension) || !std::ranges::all_of(base.name, is_usual)) {
      return put(std::ranges::any_of(base.name, is_digit) ? "<#>" : base.name);
    }
    for (std::size_t from = 0; from <= base.name.size();) {
      const auto end = std::min(base.name.find_first_of("-.", from), base.name.size());
      const auto piece = base.name.substr(from, end - from);
      const auto digits = static_cast<std::size_t>(std::ranges::count_if(piece, is_digit));
      const bool is_hex =
          std::ranges::all_of(piece, [](char byte) { return (class_of(byte) & (kDigit | kHexLetter)) != 0; });
      const bool numbered = digits > 3 || (digits != 0 && is_hex && (digits == piece.size() || piece.size() > 5));
      put(numbered ? "<#>" : piece);
      if (end != base.name.size()) *out_++ = base.name[end];
      from = end + 1;
    }
  }

  /// ":12", ":12:3", "(12)", " on line 12", " line 12", ", line 12"
  void skip_line_number() {
    const auto digits_from = [this](const char* from) { return std::find_if_not(from, end_, is_digit); };
    for (const std::string_view words : {" on line ", ", line ", " line "}) {
      if (!rest().starts_with(words)) continue;
      const char* const to = digits_from(at_ + words.size());
      if (to != at_ + words.size()) at_ = to;
      return;
    }
    if (after(0) == '(') {
      const char* const to = digits_from(at_ + 1);
      if (to != at_ + 1 && to != end_ && *to == ')') at_ = to + 1;
      return;
    }
    for (int i = 0; i < 2 && after(0) == ':' && is_digit(after(1)); ++i) at_ = digits_from(at_ + 1);
  }

  void mail() {
    const char next = after(1);
    const char* const from = at_ + 1;
    if (!is_word(before()) && before() != '>' && before() != '.' && before() != '+' && before() != '-') return copy();
    if (!is_word(next)) return copy();
    const char* to =
        std::find_if_not(from, end_, [](char byte) { return is_word(byte) || byte == '.' || byte == '-'; });
    while (to[-1] == '.' || to[-1] == '-') --to;
    const auto is_hex = [](char byte) { return (class_of(byte) & (kDigit | kHexLetter)) != 0; };
    const char* const first = std::find_if_not(from, to, is_word);
    // Java: "Thing@1f2e3d"
    if (first == to && (is_digit(next) || std::all_of(from, to, is_hex))) {
      *out_++ = '@';
      at_ = to;
      return number();
    }
    out_ = token_;
    put("<email>");
    at_ = to;
  }

  /// "/index.php?title=..." but not "really? yes"
  void query() {
    const char previous = before();
    const char next = after(1);
    const bool starts =
        (class_of(previous) & kPath) != 0 && (is_word(next) || next == '%' || next == '=' || next == '&');
    if (!starts) return copy();
    constexpr std::string_view kEnds = ")]}\"'`<>|";
    *out_++ = '?';
    put("<v>");
    at_ = std::find_if(at_, end_, [&](char byte) { return is_blank(byte) || kEnds.find(byte) != kEnds.npos; });
  }

  void copy() { *out_++ = *at_++; }

  const char* begin_;
  const char* at_;
  const char* end_;
  char* start_;
  char* out_;
  char* token_;          ///< where the token that is being written began: an address replaces all of it
  bool in_url_ = false;  ///< behind "://": the next '/' begins a path
};

}  // namespace

std::size_t mask(std::string_view text, char* out, std::size_t enough) {
  return Masker(text, out).run(enough);
}

}  // namespace serin::count
