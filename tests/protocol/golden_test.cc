#include <gtest/gtest.h>

#include <set>

#include "protocol/limits.h"
#include "protocol/wire_fields.h"
#include "tests/protocol/damage.h"
#include "tests/protocol/golden_file.h"
#include "tests/protocol/golden_samples.h"

namespace serin {
namespace {

/// "order.v1"
std::string stem_of(const Envelope& envelope) {
  return name_of_type(envelope.header.type) + ".v" + std::to_string(envelope.header.protocol);
}

struct Collect {
  std::vector<const void*> places;
  template <class T>
  void operator()(const char* /*key*/, T& value) {
    places.push_back(&value);
  }
};

/// The fields of a value that are as in a fresh one, also within what it holds.
struct FindDefaults {
  std::vector<const void*> places;
  std::vector<std::string>& found;
  std::size_t next = 0;

  template <class T>
  static void in(T& value, std::vector<std::string>& found) {
    if constexpr (requires(FindDefaults& visit) { fields(visit, value); }) {
      T fresh{};
      Collect collect;
      fields(collect, fresh);
      FindDefaults visit{.places = collect.places, .found = found};
      fields(visit, value);
    }
  }
  template <class T>
  void operator()(const char* key, T& value) {
    if (value == *static_cast<const T*>(places[next++])) found.emplace_back(key);
    if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
      for (auto& item : value) in(item, found);
    } else {
      in(value, found);
    }
  }
};

TEST(Golden, samples_are_one_of_each_message_with_every_field_set) {
  std::set<std::size_t> kinds;
  for (Envelope envelope : golden::messages()) {
    kinds.insert(envelope.message.index());
    std::vector<std::string> defaults;
    std::visit([&](auto& message) { FindDefaults::in(message, defaults); }, envelope.message);
    EXPECT_EQ(defaults, std::vector<std::string>{}) << stem_of(envelope) << ": give them a value in golden_samples.cc";
    EXPECT_EQ(envelope.header.protocol, limits::kProtocolNewest);
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Message>);
  EXPECT_EQ(golden::messages().size(), std::variant_size_v<Message>);
}

TEST(Golden, messages_are_written_to_the_byte) {
  for (const Envelope& envelope : golden::messages()) {
    const Frames frames = encode(envelope);
    golden::expect_is(stem_of(envelope) + ".header", frames.header);
    golden::expect_is(stem_of(envelope) + ".body", frames.body);
  }
}

TEST(Golden, messages_are_read_back_as_they_were) {
  for (const Envelope& envelope : golden::messages()) {
    const auto read = decode(golden::read(stem_of(envelope) + ".header"), golden::read(stem_of(envelope) + ".body"));
    ASSERT_TRUE(read) << stem_of(envelope) << ": " << read.error().text;
    EXPECT_TRUE(*read == envelope) << stem_of(envelope);
  }
}

TEST(Golden, tree_and_release_are_written_and_read_to_the_byte) {
  golden::expect_is("tree.v1.object", encode_tree(golden::tree()));
  EXPECT_EQ(decode_tree(golden::read("tree.v1.object")), golden::tree());
  golden::expect_is("release.v1.record", golden::signed_release().record);
  golden::expect_is("release.v1.signature", golden::signed_release().signature);
  EXPECT_EQ(open_release({golden::read("release.v1.record"), golden::read("release.v1.signature")},
                         {golden::signing_key().public_key}),
            golden::release());
}

/// What an older version wrote is kept as TYPE.vN.WHAT_IT_LACKS.header and .body.
TEST(Golden, no_file_is_there_that_is_not_read) {
  std::set<std::string> known{"README.md", "tree.v1.object", "release.v1.record", "release.v1.signature"};
  for (const Envelope& envelope : golden::messages()) {
    known.insert({stem_of(envelope) + ".header", stem_of(envelope) + ".body"});
  }
  for (const auto& file : std::filesystem::directory_iterator(golden::folder())) {
    const std::string name = file.path().filename().string();
    if (known.contains(name) || name.ends_with(".body")) continue;
    ASSERT_TRUE(name.ends_with(".header")) << name << " is none of tests/golden/README.md's";
    const auto read = decode(golden::read(name), golden::read(file.path().stem().string() + ".body"));
    EXPECT_TRUE(read) << name << ": an older version wrote this and is not understood: " << read.error().text;
  }
}

/// What a decoder may do with damaged bytes: refuse them, or take them for a value that stays the same from then on.
void expect_harmless(std::string_view header, std::string_view body) {
  const auto read = decode(header, body);
  if (!read) {
    EXPECT_TRUE(read.error().kind == ErrorKind::invalid || read.error().kind == ErrorKind::unsupported);
    EXPECT_FALSE(read.error().text.empty());
    return;
  }
  const Frames again = encode(*read);
  const auto reread = decode(again.header, again.body);
  ASSERT_TRUE(reread) << reread.error().text;
  EXPECT_TRUE(*reread == *read);
}

class GoldenDamage : public ::testing::TestWithParam<Envelope> {
 protected:
  const std::string header_ = golden::read(stem_of(GetParam()) + ".header");
  const std::string body_ = golden::read(stem_of(GetParam()) + ".body");
};

TEST_P(GoldenDamage, every_truncation_is_refused) {
  for_each_truncation(header_, [&](std::string_view cut) { EXPECT_FALSE(decode(cut, body_)); });
  for_each_truncation(body_, [&](std::string_view cut) { EXPECT_FALSE(decode(header_, cut)); });
}

TEST_P(GoldenDamage, every_turned_bit_is_harmless) {
  for_each_bit_flip(header_, [&](std::string_view header) { expect_harmless(header, body_); });
  for_each_bit_flip(body_, [&](std::string_view body) { expect_harmless(header_, body); });
}

TEST_P(GoldenDamage, every_other_type_in_front_of_the_body_is_harmless) {
  for (const Envelope& other : golden::messages()) expect_harmless(encode(other).header, body_);
}

TEST_P(GoldenDamage, bytes_at_the_end_are_refused) {
  EXPECT_FALSE(decode(header_ + '\0', body_));
  EXPECT_FALSE(decode(header_, body_ + '\0'));
  EXPECT_FALSE(decode(header_, body_ + body_));
}

INSTANTIATE_TEST_SUITE_P(Of, GoldenDamage, ::testing::ValuesIn(golden::messages()),
                         [](const auto& sample) { return name_of_type(sample.param.header.type); });

}  // namespace
}  // namespace serin
