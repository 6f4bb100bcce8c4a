#include "protocol/compression.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/protocol/damage.h"

namespace serin {

namespace {

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string framed(std::string_view content, std::string_view prefix = {}) {
  Compressor compressor;
  std::string frame;
  compressor.append_frame(content, prefix, frame);
  return frame;
}

std::optional<std::string> opened(std::string_view frame, std::string_view prefix, std::size_t bytes) {
  Decompressor decompressor;
  std::string content(bytes, '\0');
  if (!decompressor.decompress(frame, prefix, content)) return std::nullopt;
  return content;
}

}  // namespace

TEST(Compression, gives_back_what_it_was_given) {
  for (const std::string& content : {std::string(), std::string("a"), std::string(300'000, 'x'), noise(70'000, 1)}) {
    EXPECT_EQ(opened(framed(content), {}, content.size()), content);
  }
}

TEST(Compression, tells_a_change_in_few_bytes) {
  const std::string old = noise(400'000, 2);
  const std::string now = old.substr(0, 200'000) + "one line more\n" + old.substr(200'000);
  const std::string frame = framed(now, old);
  EXPECT_LT(frame.size(), 200U);
  EXPECT_EQ(opened(frame, old, now.size()), now);
}

TEST(Compression, finds_content_that_moved_far) {
  const std::string old = noise(9'000'000, 3);
  const std::string now = old.substr(5'000'000) + old.substr(0, 3'000'000);
  const std::string frame = framed(now, old);
  EXPECT_LT(frame.size(), 20'000U);
  EXPECT_EQ(opened(frame, old, now.size()), now);
}

TEST(Compression, is_the_same_for_the_same) {
  Compressor used;
  std::string earlier, again;
  used.append_frame(noise(50'000, 4), noise(50'000, 5), earlier);
  used.append_frame("content", "prefix", again);
  EXPECT_EQ(again, framed("content", "prefix"));
}

TEST(Compression, refuses_another_size) {
  const std::string frame = framed("12345");
  EXPECT_EQ(opened(frame, {}, 4), std::nullopt);
  EXPECT_EQ(opened(frame, {}, 6), std::nullopt);
  EXPECT_EQ(opened("", {}, 0), std::nullopt);
}

TEST(Compression, refuses_a_bomb_without_the_memory_that_it_asks_for) {
  const std::string bomb = framed(std::string(200'000'000, '\0'));
  EXPECT_LT(bomb.size(), 100'000U);
  EXPECT_EQ(opened(bomb, {}, 1'000), std::nullopt);
}

TEST(Compression, survives_every_damage) {
  const std::string old = noise(300, 6);
  const std::string now = old + "and more";
  const std::string frame = framed(now, old);
  for_each_truncation(frame, [&](std::string_view cut) { EXPECT_EQ(opened(cut, old, now.size()), std::nullopt); });
  int refused = 0;
  for_each_bit_flip(frame, [&](std::string_view flipped) {
    const auto content = opened(flipped, old, now.size());
    if (!content) ++refused;
  });
  EXPECT_GT(refused, 0) << "what is not refused is found by its hash";
}

}  // namespace serin
