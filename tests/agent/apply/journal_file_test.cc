#include "agent/apply/journal_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "protocol/posix/files.h"
#include "tests/agent/apply/sample_journal.h"
#include "tests/protocol/posix/temporary_folder.h"

namespace serin::apply {

class JournalFileTest : public testing::Test {
 protected:
  void write(std::string_view bytes) const {
    std::filesystem::remove(path_);  // truncating instead makes ext4 flush
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string saved() const {
    EXPECT_TRUE(file_.save(sample_journal()));
    return posix::read_file(path_, 1U << 20).value();
  }
  [[nodiscard]] ErrorKind kind_of_load() const {
    const auto loaded = file_.load();
    EXPECT_FALSE(loaded);
    return loaded ? ErrorKind::busy : loaded.error().kind;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "shop";
  JournalFile file_{path_};
};

TEST_F(JournalFileTest, is_empty_when_there_is_no_file) {
  const auto loaded = file_.load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, StepJournal{});
}

TEST_F(JournalFileTest, gives_back_the_last_journal_that_was_saved) {
  ASSERT_TRUE(file_.save(StepJournal{}));
  ASSERT_TRUE(file_.save(sample_journal()));
  const auto loaded = file_.load();
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(*loaded, sample_journal());
}

TEST_F(JournalFileTest, every_truncation_is_corrupt) {
  const std::string bytes = saved();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    write(bytes.substr(0, length));
    EXPECT_EQ(kind_of_load(), ErrorKind::corrupt) << length;
  }
}

TEST_F(JournalFileTest, every_bit_flip_is_corrupt) {
  const std::string bytes = saved();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 1 + bit % 7) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    write(flipped);
    EXPECT_EQ(kind_of_load(), ErrorKind::corrupt) << bit;
  }
}

TEST_F(JournalFileTest, an_error_names_the_file) {
  write("rubbish");
  EXPECT_NE(file_.load().error().text.find(path_.string()), std::string::npos);
}

TEST_F(JournalFileTest, save_says_why_when_it_cannot) {
  const auto saved = JournalFile(folder_ / "missing" / "shop").save(StepJournal{});
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().text.find("missing"), std::string::npos);
}

}  // namespace serin::apply
