#pragma once

#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// The annotated configuration samples under packaging/: "#key = value" is a key with its default, "# words" explain.
namespace serin::testing {

inline std::string read_sample(const std::string& name) {
  std::ifstream file(std::string{SERIN_SOURCE_DIR} + "/packaging/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct SampleKey {
  std::string name;           ///< as known_agent_keys() has it
  std::string explanation;    ///< the comment lines right above it
  bool is_commented = false;  ///< it shows a default
};

inline bool is_key_line(std::string_view line) {
  if (line.starts_with('#')) line.remove_prefix(1);
  const std::size_t name = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  return name != std::string_view::npos && name > 0 && line.substr(name).starts_with(" = ");
}

/// [application.shop] and [[application.shop.rule]], as the known keys have them.
inline std::string table_prefix(std::string_view header) {
  const bool is_list = header.starts_with("[[");
  const std::size_t begin = header.find_first_not_of('[');
  std::string table{header.substr(begin, header.find(']') - begin)};
  const std::string_view name = "application.shop";
  if (table.starts_with(name)) table.replace(0, name.size(), "application.NAME");
  return table + (is_list ? "[]." : ".");
}

/// Every key of a sample, set or shown.
inline std::vector<SampleKey> sample_keys(const std::string& text) {
  std::vector<SampleKey> keys;
  std::istringstream lines(text);
  std::string table, explanation;
  for (std::string line; std::getline(lines, line);) {
    if (is_key_line(line)) {
      const bool is_commented = line.starts_with('#');
      const std::string_view rest = std::string_view{line}.substr(is_commented ? 1 : 0);
      keys.push_back({table + std::string{rest.substr(0, rest.find(' '))}, explanation, is_commented});
      explanation.clear();
    } else if (line.starts_with("# ")) {
      explanation += line.substr(1);
    } else {
      if (line.starts_with('[')) table = table_prefix(line);
      explanation.clear();
    }
  }
  return keys;
}

/// The sample with every default written out.
inline std::string with_defaults_set(const std::string& text) {
  std::string set;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) set += line.substr(is_key_line(line) && line[0] == '#') + '\n';
  return set;
}

/// The text cut off somewhere in every second round, and three bits of it flipped.
inline std::string damaged(std::string text, int round, std::mt19937& random) {
  if (round % 2 == 0) text.resize(random() % text.size());
  for (int i = 0; i < 3 && !text.empty(); ++i) {
    char& byte = text[random() % text.size()];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random() % 8));
  }
  return text;
}

}  // namespace serin::testing
