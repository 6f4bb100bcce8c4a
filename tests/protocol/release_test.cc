#include "protocol/release.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "tests/protocol/damage.h"
#include "tests/protocol/msgpack_bytes.h"

namespace serin {
namespace {

SigningKey key_of(char filling) {
  return signing_key_from_seed(std::string(32, filling)).value();
}

Release sample() {
  return {.application = "shop",
          .number = 12,
          .root = digest_of("the root"),
          .parent = 11,
          .author = "alice",
          .message = "colours\n\033[2J\xff",
          .created_s = 1'700'000'000,
          .files = 3,
          .bytes = 456};
}

/// sample()'s record with other pairs for application, number and root.
std::string record_of(const std::string& application, const std::string& number, const std::string& root) {
  return bytes::map(3) + bytes::text("application") + application + bytes::text("number") + number +
         bytes::text("root") + root;
}
const std::string kGoodRoot = bytes::blob(digest_of("the root").raw());

TEST(Release, record_comes_back_as_it_was) {
  EXPECT_EQ(decode_release(encode_release(sample())), sample());
}

TEST(Release, is_opened_with_the_key_that_signed_it) {
  const SignedRelease signed_release = sign_release(key_of('a'), sample());
  EXPECT_EQ(signed_release.record, encode_release(sample()));
  EXPECT_EQ(open_release(signed_release, {key_of('a').public_key}), sample());
  EXPECT_EQ(open_release(signed_release, {key_of('b').public_key, key_of('a').public_key}), sample());
}

TEST(Release, is_refused_without_the_key_that_signed_it) {
  const SignedRelease signed_release = sign_release(key_of('a'), sample());
  for (const std::vector<std::string>& trusted : {std::vector<std::string>{}, {key_of('b').public_key}}) {
    const auto opened = open_release(signed_release, trusted);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error(), (Error{ErrorKind::refused,
                                     "no key in release_keys signed this release: compare with `serin-controller "
                                     "--print-keys`"}));
  }
}

TEST(Release, signature_covers_the_stored_bytes_and_not_their_meaning) {
  const std::string one = record_of(bytes::text("shop"), bytes::number(12), kGoodRoot);
  const std::string reordered = bytes::map(3) + bytes::text("number") + bytes::number(12) + bytes::text("application") +
                                bytes::text("shop") + bytes::text("root") + kGoodRoot;
  const std::string wider = record_of(bytes::text("shop"), '\xcf' + bytes::big_endian(12, 8), kGoodRoot);
  ASSERT_TRUE(decode_release(one));
  ASSERT_EQ(decode_release(one), decode_release(reordered));
  ASSERT_EQ(decode_release(one), decode_release(wider));
  const std::vector<std::string> trusted{key_of('a').public_key};
  const std::string signature = sign(key_of('a'), kReleaseDomain, one);
  EXPECT_TRUE(open_release({one, signature}, trusted));
  for (const std::string& other : {reordered, wider, encode_release(*decode_release(one))}) {
    const auto opened = open_release({other, signature}, trusted);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::refused);
  }
}

TEST(Release, signature_of_another_domain_is_refused) {
  const std::string record = encode_release(sample());
  const std::vector<std::string> trusted{key_of('a').public_key};
  EXPECT_EQ(kReleaseDomain, "serin-release-v1");
  EXPECT_TRUE(open_release({record, sign(key_of('a'), "serin-release-v1", record)}, trusted));
  for (const char* domain : {"", "serin-release-v2", "serin-roster-v1"}) {
    const auto opened = open_release({record, sign(key_of('a'), domain, record)}, trusted);
    ASSERT_FALSE(opened) << domain;
    EXPECT_EQ(opened.error().kind, ErrorKind::refused);
  }
}

TEST(Release, one_turned_bit_or_a_cut_is_refused) {
  const SignedRelease whole = sign_release(key_of('a'), sample());
  const std::vector<std::string> trusted{key_of('a').public_key};
  const auto is_refused = [&](std::string_view record) {
    const auto opened = open_release({std::string(record), whole.signature}, trusted);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::refused);
  };
  for_each_bit_flip(whole.record, is_refused);
  for_each_truncation(whole.record, is_refused);
}

TEST(Release, bad_bytes_are_corrupt_whoever_signed_them) {
  const auto is_no_crash = [](std::string_view record) {
    const auto release = decode_release(record);
    if (!release) {
      EXPECT_EQ(release.error().kind, ErrorKind::corrupt);
    } else {
      EXPECT_EQ(decode_release(encode_release(*release)), *release);
    }
  };
  for_each_bit_flip(encode_release(sample()), is_no_crash);
  for_each_truncation(encode_release(sample()), [&](std::string_view record) {
    is_no_crash(record);
    EXPECT_FALSE(decode_release(record));
  });
  const std::string noise = "no record";
  const auto opened = open_release({noise, sign(key_of('a'), kReleaseDomain, noise)}, {key_of('a').public_key});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
}

TEST(Release, needs_application_number_and_root) {
  const std::string shop = bytes::text("shop");
  const std::string twelve = bytes::number(12);
  EXPECT_TRUE(decode_release(record_of(shop, twelve, kGoodRoot)));
  const std::vector<std::string> bad{
      record_of(bytes::text(""), twelve, kGoodRoot),
      record_of(bytes::text("../etc"), twelve, kGoodRoot),
      record_of(bytes::text(std::string(limits::kApplicationNameBytesMax + 1, 'a')), twelve, kGoodRoot),
      record_of(twelve, twelve, kGoodRoot),
      record_of(shop, bytes::number(0), kGoodRoot),
      record_of(shop, bytes::negative(-1), kGoodRoot),
      record_of(shop, bytes::kHalf, kGoodRoot),
      record_of(shop, twelve, bytes::blob(std::string(32, '\0'))),
      record_of(shop, twelve, bytes::blob(std::string(31, 'r'))),
      record_of(shop, twelve, bytes::text(std::string(32, 'r'))),
      bytes::map(0),
  };
  for (const std::string& record : bad) {
    const auto release = decode_release(record);
    ASSERT_FALSE(release) << testing::PrintToString(record);
    EXPECT_EQ(release.error().kind, ErrorKind::corrupt);
  }
}

TEST(Release, message_and_record_are_bounded) {
  Release release = sample();
  release.message = std::string(limits::kMessageBytesKept, 'm');
  EXPECT_EQ(decode_release(encode_release(release)), release);
  release.message += 'm';
  EXPECT_EQ(decode_release(encode_release(release)).error().kind, ErrorKind::corrupt);
  const std::string padded = bytes::map(4) + record_of(bytes::text("shop"), bytes::number(1), kGoodRoot).substr(1) +
                             bytes::text("padding") + bytes::blob(std::string(limits::kReleaseRecordBytesMax, 'p'));
  EXPECT_EQ(decode_release(padded).error().text, "the release record is too long");
  EXPECT_EQ(open_release({padded, sign(key_of('a'), kReleaseDomain, padded)}, {key_of('a').public_key}).error().kind,
            ErrorKind::refused);
}

TEST(Release, of_a_newer_builder_may_say_more) {
  const std::string newer = bytes::map(4) + record_of(bytes::text("shop"), bytes::number(1), kGoodRoot).substr(1) +
                            bytes::text("sbom") + bytes::list(2) + bytes::kTrue + bytes::kNil;
  EXPECT_EQ(decode_release(newer), (Release{.application = "shop", .number = 1, .root = digest_of("the root")}));
}

TEST(Release, slot_is_named_by_number_and_root) {
  EXPECT_EQ(sample().slot_name(), "r12-" + digest_of("the root").hex().substr(0, 12));
}

}  // namespace
}  // namespace serin
