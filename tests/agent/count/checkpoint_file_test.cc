#include "agent/count/checkpoint_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "protocol/posix/files.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::count {
namespace {

using namespace std::chrono_literals;

class CheckpointFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::string load() const {
    const auto loaded = CheckpointFile(folder_ / "").load();
    if (!loaded) return std::string("error: ") + loaded.error().text;
    return loaded->value_or("none");
  }
  void save(const std::vector<std::string>& records) const {
    CheckpointFile file(folder_ / "");
    ASSERT_TRUE(file.load());
    for (const auto& record : records) ASSERT_TRUE(file.save(record, SteadyTime{1h}));
  }
  [[nodiscard]] std::string bytes(const std::string& name) const {
    return *posix::read_file(folder_ / name, 1U << 20U);
  }
  void put(const std::string& name, std::string_view bytes) const {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << bytes;
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointFileTest, the_newest_record_is_read) {
  EXPECT_EQ(load(), "none");
  save({"one"});
  EXPECT_EQ(load(), "one");
  save({"a long one before a shorter one", "three", "four", std::string(100'000, 'x'), "six"});
  EXPECT_EQ(load(), "six");
  save({""});
  EXPECT_EQ(load(), "");
}

TEST_F(CheckpointFileTest, torn_at_any_byte_the_one_before_it_is_read) {
  save({"first", "second"});
  const auto whole = bytes("counts.0");
  save({"third record"});  // into counts.1
  const auto newest = bytes("counts.1");
  ASSERT_EQ(load(), "third record");
  for (std::size_t length = 0; length < newest.size(); ++length) {
    put("counts.1", newest.substr(0, length));
    ASSERT_EQ(load(), "second") << length;
  }
  for (std::size_t byte = 0; byte < newest.size(); ++byte) {
    auto flipped = newest;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 0x10);
    put("counts.1", flipped);
    ASSERT_EQ(load(), "second") << byte;
  }
  EXPECT_EQ(bytes("counts.0"), whole);
}

TEST_F(CheckpointFileTest, when_no_file_is_whole_that_is_an_error) {
  put("counts.0", "rubbish");
  EXPECT_NE(load().find("counts.0: its checksum is wrong"), std::string::npos) << load();
  CheckpointFile file(folder_ / "");
  EXPECT_FALSE(file.load());
  ASSERT_TRUE(file.save("fresh", SteadyTime{1h}));
  EXPECT_EQ(load(), "fresh");
  ASSERT_TRUE(file.sync());
}

TEST_F(CheckpointFileTest, says_when_it_cannot_write) {
  CheckpointFile file(folder_ / "missing");
  const auto saved = file.save("record", SteadyTime{1h});
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().text.find("No such file or directory"), std::string::npos) << saved.error().text;
}

}  // namespace
}  // namespace serin::count
