#include "protocol/signature.h"

#include <gtest/gtest.h>

#include "protocol/digest.h"
#include "tests/protocol/damage.h"

namespace serin {
namespace {

using std::string_literals::operator""s;

// RFC 8032, 7.1, test 1
constexpr auto kSeed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
constexpr auto kPublicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

SigningKey key_of(char filling) {
  return signing_key_from_seed(std::string(32, filling)).value();
}

TEST(Signature, keys_are_those_of_rfc_8032) {
  const auto key = signing_key_from_seed(*from_hex(kSeed));
  ASSERT_TRUE(key) << key.error().text;
  EXPECT_EQ(to_hex(key->public_key), kPublicKey);
  EXPECT_EQ(to_hex(key->seed), kSeed);
}

TEST(Signature, refuses_seeds_of_another_length) {
  for (const std::size_t bytes : {0U, 31U, 33U, 64U}) {
    const auto key = signing_key_from_seed(std::string(bytes, 's'));
    ASSERT_FALSE(key) << bytes;
    EXPECT_EQ(key.error().kind, ErrorKind::invalid);
  }
}

TEST(Signature, is_64_bytes_and_the_same_each_time) {
  const std::string signature = sign(key_of('a'), "domain", "bytes");
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_EQ(sign(key_of('a'), "domain", "bytes"), signature);
  EXPECT_TRUE(verify({key_of('a').public_key}, "domain", "bytes", signature));
  EXPECT_TRUE(verify({key_of('a').public_key}, "domain", "", sign(key_of('a'), "domain", "")));
}

TEST(Signature, is_over_domain_and_a_nul_and_the_bytes) {
  EXPECT_EQ(sign(key_of('a'), "", "x\0y"s), sign(key_of('a'), "\0x"s, "y")) << "both are over NUL, x, NUL, y";
}

TEST(Signature, of_one_domain_is_worth_nothing_in_another) {
  const std::vector<std::string> trusted{key_of('a').public_key};
  const std::string signature = sign(key_of('a'), "serin-release-v1", "bytes");
  EXPECT_FALSE(verify(trusted, "serin-release-v2", "bytes", signature));
  EXPECT_FALSE(verify(trusted, "", "bytes", signature));
  EXPECT_FALSE(verify(trusted, "serin-release-v", "1bytes", signature)) << "no other cut of the same letters";
  EXPECT_FALSE(verify(trusted, "serin-release-v1b", "ytes", signature));
}

TEST(Signature, holds_for_any_one_of_the_trusted_keys) {
  const std::string signature = sign(key_of('b'), "domain", "bytes");
  const std::string a = key_of('a').public_key;
  const std::string b = key_of('b').public_key;
  EXPECT_TRUE(verify({a, b}, "domain", "bytes", signature));
  EXPECT_TRUE(verify({b, a}, "domain", "bytes", signature));
  EXPECT_FALSE(verify({a}, "domain", "bytes", signature));
  EXPECT_FALSE(verify({}, "domain", "bytes", signature));
  EXPECT_TRUE(verify({"short", "", std::string(33, 'x'), std::string(32, '\xff'), b}, "domain", "bytes", signature))
      << "a key that is none does not hide the next";
}

TEST(Signature, covers_every_bit_of_the_bytes_and_of_itself) {
  const std::vector<std::string> trusted{key_of('a').public_key};
  const std::string bytes = "some bytes";
  const std::string signature = sign(key_of('a'), "domain", bytes);
  for_each_bit_flip(bytes, [&](std::string_view other) { EXPECT_FALSE(verify(trusted, "domain", other, signature)); });
  for_each_bit_flip(signature, [&](std::string_view other) { EXPECT_FALSE(verify(trusted, "domain", bytes, other)); });
  for_each_truncation(signature,
                      [&](std::string_view other) { EXPECT_FALSE(verify(trusted, "domain", bytes, other)); });
  EXPECT_FALSE(verify(trusted, "domain", bytes, signature + '\0'));
}

}  // namespace
}  // namespace serin
