#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

/// The files of tests/golden/, which are read by tests and written by them only on demand: see its README.md.
namespace serin::golden {

inline std::filesystem::path folder() {
  return std::filesystem::path(SERIN_SOURCE_DIR) / "tests" / "golden";
}

/// The file's bytes; a failure of the test, and nothing, when it is not there.
inline std::string read(const std::string& name) {
  std::ifstream file(folder() / name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name << " is missing: see tests/golden/README.md";
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Compares with the file, byte for byte. With SERIN_WRITE_GOLDEN=1 in the environment it is written first.
inline void expect_is(const std::string& name, const std::string& bytes) {
  const char* write = std::getenv("SERIN_WRITE_GOLDEN");
  if (write != nullptr && std::string(write) == "1") {
    std::ofstream(folder() / name, std::ios::binary | std::ios::trunc) << bytes;
  }
  EXPECT_EQ(testing::PrintToString(read(name)), testing::PrintToString(bytes)) << name;
}

}  // namespace serin::golden
