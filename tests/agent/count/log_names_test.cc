#include "agent/count/log_names.h"

#include <gtest/gtest.h>

namespace serin::count {
namespace {

TEST(LogNames, only_the_last_component_can_be_a_pattern) {
  EXPECT_EQ(split_source_path("/var/log/a.log"), (SourcePattern{"/var/log", "a.log", false}));
  EXPECT_EQ(split_source_path("/var/*/a?.log"), (SourcePattern{"/var/*", "a?.log", true}));
  EXPECT_EQ(split_source_path("/x*"), (SourcePattern{"/", "x*", true}));
  EXPECT_EQ(split_source_path("x"), (SourcePattern{".", "x", false}));
}

TEST(LogNames, star_and_question_mark_fit_as_in_a_shell) {
  EXPECT_TRUE(fits_pattern("*.log", "a.log"));
  EXPECT_TRUE(fits_pattern("*.log", "a.log.log"));
  EXPECT_TRUE(fits_pattern("a*b*c", "aXbYbZc"));
  EXPECT_TRUE(fits_pattern("a?c**", "abc"));
  EXPECT_TRUE(fits_pattern("x[1]*", "x[1].log")) << "brackets are ordinary bytes";
  EXPECT_FALSE(fits_pattern("*.log", "a.log.1"));
  EXPECT_FALSE(fits_pattern("a?c", "ac"));
  EXPECT_FALSE(fits_pattern("a", "ab"));
  EXPECT_FALSE(fits_pattern("", "a"));
  EXPECT_FALSE(fits_pattern("*", ".hidden"));
  EXPECT_TRUE(fits_pattern(".h*", ".hidden"));
}

TEST(LogNames, rotated_names_are_known) {
  for (const char* name : {"a.log.1", "a.log.12", "a.log-20260131", "a-20260131.gz", "a.log.2.gz", "a.log.xz", "a.log~",
                           "a.log.20260131", "a.log-1767225600", "a.log.old"}) {
    EXPECT_TRUE(is_rotated_name(name)) << name;
  }
  for (const char* name : {"a.log", "app-7", "worker.8080", "host1.log", "1", ".1", "a.log.", "php8.2-fpm.log"}) {
    EXPECT_FALSE(is_rotated_name(name)) << name;
  }
}

TEST(LogNames, packed_files_are_known_by_their_first_bytes) {
  EXPECT_EQ(packed_by(std::string_view("\x1f\x8b\x08\0rest", 8)), "gzip");
  const std::string xz = std::string(1, '\xfd') + "7zXZ";
  EXPECT_EQ(packed_by(xz + std::string(1, '\0') + "rest"), "xz");
  EXPECT_EQ(packed_by("\x28\xb5\x2f\xfdrest"), "zstd");
  EXPECT_EQ(packed_by("\x04\x22\x4d\x18rest"), "lz4");
  EXPECT_EQ(packed_by("BZh91AY&SYrest"), "bzip2");
  for (const std::string& text : {std::string(), std::string("B"), std::string("BZh"), std::string("BZhang logged in"),
                                  std::string("2026-01-01 ERROR"), std::string("\x1f\x8b"), xz}) {
    EXPECT_EQ(packed_by(text), "") << text;
  }
}

TEST(LogNames, of_rotated_names_those_of_one_log_are_told_from_others_and_put_in_order) {
  for (const char* name : {"a.log.1", "a.log-20260131", "a.log.old", "a.log~"}) {
    EXPECT_TRUE(is_rotated_name_of("a.log", name)) << name;
  }
  for (const char* name : {"a.log", "a.log.1.gz", "aa.log.1", "b.log.1", "a.log.offset", "a.log2.1"}) {
    EXPECT_FALSE(is_rotated_name_of("a.log", name)) << name;
  }
  EXPECT_TRUE(is_rotated_after("a.log.2", "a.log.10"));
  EXPECT_FALSE(is_rotated_after("a.log.10", "a.log.2"));
  EXPECT_FALSE(is_rotated_after("a.log.2", "a.log.2"));
  EXPECT_TRUE(is_rotated_after("a.log-20260131", "a.log-20251231"));
  EXPECT_FALSE(is_rotated_after("a.log-20251231", "a.log-20260131"));
}

}  // namespace
}  // namespace serin::count
