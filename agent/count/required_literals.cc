#include "agent/count/required_literals.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/count/literal_sets.h"

namespace serin::count {
namespace {

constexpr std::size_t kClassMax = 4;  ///< a class of more characters stands for any
constexpr int kDepthMax = 100;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads RE2's syntax. Sets `lost` at what it does not know: then nothing of the result counts.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Node> read() {
    Node node = alternatives(0);
    if (lost_ || !text_.empty()) return std::nullopt;
    return node;
  }

 private:
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  Node lose() {
    lost_ = true;
    text_ = {};
    return anything();
  }

  Node alternatives(int depth) {
    const bool caseless = caseless_;
    if (depth > kDepthMax) return lose();
    Node all = sequence(depth);
    while (take("|")) all = either(all, sequence(depth));
    caseless_ = caseless;  // flags end with their group
    return all;
  }

  Node sequence(int depth) {
    Sequence parts;
    while (!text_.empty() && text_[0] != '|' && text_[0] != ')') {
      // Behind nothing, what repeats would repeat the part before.
      if (text_.starts_with("\\Q\\E")) return lose();
      if (take("\\Q")) {
        while (!text_.empty() && !take("\\E")) {
          const Node one = character(next());
          // What repeats behind \E repeats the last one only.
          const bool last = text_.starts_with("\\E");
          if (last) text_.remove_prefix(2);
          parts.add(last ? repeated(one) : one);
          if (last) break;
        }
        continue;
      }
      Node one = atom(depth);
      parts.add(repeated(std::move(one)));
    }
    return parts.node();
  }

  char next() {
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }

  [[nodiscard]] Node character(char c) const {
    if (!caseless_) return texts({std::string(1, c)});
    if (is_high(c)) return anything();
    if (!is_letter(c)) return texts({std::string(1, c)});
    return texts({std::string(1, static_cast<char>(c | 0x20)), std::string(1, static_cast<char>(c & ~0x20))});
  }

  Node atom(int depth) {
    const char c = next();
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return character_class();
      case '.':
        return anything();
      case '^':
      case '$':
        return texts({""});
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        return lose();
      default:
        return character(c);
    }
  }

  /// Flags of "(?ims-U"; false at what is none.
  bool flags() {
    bool on = true;
    while (!text_.empty() && text_[0] != ')' && text_[0] != ':') {
      const char c = next();
      if (c == '-') {
        on = false;
      } else if (c == 'i') {
        caseless_ = on;
      } else if (c != 'm' && c != 's' && c != 'U') {
        return false;
      }
    }
    return !text_.empty();
  }

  Node group(int depth) {
    const bool caseless = caseless_;
    if (take("?")) {
      if (take("P<") || take("<")) {
        const auto end = text_.find('>');
        if (end == std::string_view::npos || text_[0] == '=' || text_[0] == '!') return lose();
        text_.remove_prefix(end + 1);
      } else if (!flags()) {
        return lose();
      } else if (take(")")) {
        // These flags hold to the end of the group around; what repeats behind them would repeat the part before.
        return text_.find_first_of("*+?{") == 0 ? lose() : texts({""});
      } else {
        take(":");
      }
    }
    Node node = alternatives(depth + 1);
    if (!take(")")) return lose();
    caseless_ = caseless;
    return node;
  }

  Node escape() {
    if (text_.empty()) return lose();
    const char c = next();
    switch (c) {
      case 'a':
        return character('\a');
      case 'f':
        return character('\f');
      case 'n':
        return character('\n');
      case 'r':
        return character('\r');
      case 't':
        return character('\t');
      case 'v':
        return character('\v');
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 's':
      case 'S':
      case 'C':
        return anything();
      case 'p':
      case 'P':
        return unicode_class();
      case 'b':
      case 'B':
      case 'A':
      case 'z':
        return texts({""});
      case 'x':
        return hexadecimal();
      default:
        break;
    }
    // Octal numbers, and letters that RE2 may come to know.
    if (is_digit(c) || is_letter(c) || is_high(c)) return lose();
    return character(c);
  }

  Node unicode_class() {
    if (text_.empty()) return lose();
    if (next() == '{') {
      const auto end = text_.find('}');
      if (end == std::string_view::npos) return lose();
      text_.remove_prefix(end + 1);
    }
    return anything();
  }

  Node hexadecimal() {
    if (text_.size() < 2 || hex_value(text_[0]) < 0 || hex_value(text_[1]) < 0) return lose();  // \x{10FFFF} too
    const int value = hex_value(text_[0]) * 16 + hex_value(text_[1]);
    text_.remove_prefix(2);
    return character(static_cast<char>(value));
  }

  /// "[ab]" as these characters; anything where there are many, or what is hard to read.
  Node character_class() {
    const bool negated = take("^");
    bool few = !negated;
    Texts all;
    for (bool first = true; first || text_.empty() || text_[0] != ']'; first = false) {
      if (text_.empty()) return lose();
      if (text_.starts_with("[:")) {
        const auto end = text_.find(":]");
        if (end == std::string_view::npos) return lose();
        text_.remove_prefix(end + 2);
        few = false;
        continue;
      }
      const char c = next();
      if (c == '\\') {
        const Node one = escape();
        if (lost_) return anything();
        few = few && one.whole.has_value() && !one.whole->contains("");
        if (few) all.insert(one.whole->begin(), one.whole->end());
      } else {
        const Node one = character(c);
        few = few && one.whole.has_value();
        if (few) all.insert(one.whole->begin(), one.whole->end());
      }
      // A range; "-" before "]" stands for itself.
      if (text_.size() > 1 && text_[0] == '-' && text_[1] != ']') few = false;
    }
    next();
    if (!few || all.size() > kClassMax) return anything();
    return texts(std::move(all));
  }

  /// "{2,5}" as its bounds; nothing when it is none, and stands for itself.
  std::optional<std::pair<unsigned, unsigned>> bounds() {
    std::size_t at = 1;
    const auto number = [&]() -> std::optional<unsigned> {
      unsigned value = 0;
      const auto begin = at;
      while (at < text_.size() && is_digit(text_[at]) && at - begin < 5) {
        value = 10 * value + static_cast<unsigned>(text_[at++] - '0');
      }
      if (at == begin) return std::nullopt;
      return value;
    };
    if (!text_.starts_with('{')) return std::nullopt;
    const auto low = number();
    if (!low) return std::nullopt;
    auto high = low;
    if (at < text_.size() && text_[at] == ',') {
      ++at;
      high = number();
      if (!high) high = ~0U;
    }
    if (at >= text_.size() || text_[at] != '}') return std::nullopt;
    text_.remove_prefix(at + 1);
    return std::pair(*low, *high);
  }

  Node repeated(Node node) {
    while (!text_.empty()) {
      if (take("*")) {
        node = anything();
      } else if (take("+")) {
        node = {.whole = {}, .part = held(node)};
      } else if (take("?")) {
        if (node.whole) node.whole->insert("");
        node.part.clear();
      } else if (const auto times = bounds()) {
        node = repeated(node, times->first, times->second);
      } else {
        return node;
      }
      take("?");  // as little as possible: the same texts
    }
    return node;
  }

  static Node repeated(const Node& node, unsigned low, unsigned high) {
    if (low == 0) return anything();
    Sequence copies;
    for (unsigned i = 0; i < std::min(low, 8U); ++i) copies.add(node);
    if (high != low || low > 8) copies.add(anything());
    return copies.node();
  }

  std::string_view text_;
  bool caseless_ = false;
  bool lost_ = false;
};

}  // namespace

std::vector<std::string> required_literals(std::string_view expression) {
  const auto node = Reader(expression).read();
  if (!node) return {};
  const auto best = held(*node);
  if (rarity_of(best) < 0) return {};
  return {best.begin(), best.end()};
}

}  // namespace serin::count
