#include "protocol/digest.h"

#include <gtest/gtest.h>

namespace serin {
namespace {

// FIPS 180-2, appendix B.1
constexpr auto kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, is_sha256) {
  EXPECT_EQ(digest_of("abc").hex(), kAbc);
}

TEST(Digest, in_pieces_equals_whole_and_begins_anew) {
  Sha256 hash;
  hash.update("a");
  hash.update("bc");
  EXPECT_EQ(hash.finish().hex(), kAbc);
  hash.update("abc");
  EXPECT_EQ(hash.finish().hex(), kAbc);
}

TEST(Digest, hex_round_trip_and_bad_digits) {
  EXPECT_EQ(ObjectId::from_hex(kAbc), digest_of("abc"));
  EXPECT_EQ(ObjectId::from_hex("zz"), std::nullopt);
  EXPECT_EQ(ObjectId::from_hex("ab"), std::nullopt);
  EXPECT_EQ(from_hex("abc"), std::nullopt);
  EXPECT_EQ(digest_of("abc").brief(), "ba7816bf8f01");
  EXPECT_TRUE(ObjectId{}.is_nothing());
}

}  // namespace
}  // namespace serin
