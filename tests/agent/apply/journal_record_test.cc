#include "agent/apply/journal_record.h"

#include <gtest/gtest.h>

#include "tests/agent/apply/sample_journal.h"

namespace serin::apply {

TEST(JournalRecord, gives_back_what_went_in) {
  const auto empty = decode_journal(encode_journal(StepJournal{}));
  ASSERT_TRUE(empty) << empty.error().text;
  EXPECT_EQ(*empty, StepJournal{});
  const auto full = decode_journal(encode_journal(sample_journal()));
  ASSERT_TRUE(full) << full.error().text;
  EXPECT_EQ(*full, sample_journal());
}

TEST(JournalRecord, every_truncation_is_an_error) {
  const std::string bytes = encode_journal(sample_journal());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_journal(bytes.substr(0, length))) << length;
  }
}

TEST(JournalRecord, every_bit_flip_is_an_error_or_a_journal_that_can_be_written) {
  const std::string bytes = encode_journal(sample_journal());
  std::size_t valid = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto journal = decode_journal(flipped);
    if (!journal) continue;
    ++valid;
    const auto again = decode_journal(encode_journal(*journal));
    ASSERT_TRUE(again) << bit << ": " << again.error().text;
    EXPECT_EQ(*again, *journal) << bit;
  }
  EXPECT_GT(valid, 0U);
}

TEST(JournalRecord, an_unknown_phase_or_state_is_corrupt) {
  std::string bytes = encode_journal(sample_journal());
  bytes[bytes.find("phase") + 5] = 6;
  EXPECT_FALSE(decode_journal(bytes));
  bytes = encode_journal(sample_journal());
  bytes[bytes.find("state") + 5] = 7;
  EXPECT_FALSE(decode_journal(bytes));
}

}  // namespace serin::apply
