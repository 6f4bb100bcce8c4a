#include "protocol/pack.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "tests/protocol/damage.h"

namespace serin {

namespace {

const ObjectId kFrom = digest_of("from");
const ObjectId kTo = digest_of("to");

struct Sample {
  PackEntries entries;
  std::string content, prefix;
};

std::vector<Sample> samples() {
  return {{.entries = {{.is_folder = true,
                        .id = digest_of("folder"),
                        .object_bytes = 6,
                        .bytes = 6,
                        .base_offset = 2,
                        .base_bytes = 4,
                        .base_path = ""},
                       {.is_folder = true, .id = digest_of("other!"), .object_bytes = 6, .bytes = 6}},
           .content = "folderother!",
           .prefix = "lder"},
          {.entries = {{.id = digest_of("the second part"),
                        .object_bytes = 15,
                        .offset = 4,
                        .bytes = 11,
                        .base_bytes = 3,
                        .base_path = "lib/a b\n\xff"}},
           .content = "second part",
           .prefix = "sec"},
          {.entries = {{.id = digest_of("")}}, .content = "", .prefix = ""}};
}

std::string whole() {
  Compressor compressor;
  std::string bytes = encode_pack_start(kFrom, kTo);
  for (const Sample& sample : samples())
    bytes += encode_pack_group(sample.entries, sample.content, sample.prefix, compressor);
  return bytes + encode_pack_end();
}

/// What a reader makes of bytes that come in pieces of this size: the groups with their content, or the error.
struct Read {
  std::vector<std::pair<PackEntries, std::string>> groups;
  std::vector<std::uint64_t> starts;
  std::string error;
  bool ended = false;
};
Read read(std::string_view bytes, std::size_t piece, std::uint64_t at = 0) {
  PackReader reader(kFrom, kTo, at);
  Decompressor decompressor;
  Read result;
  while (true) {
    auto group = reader.next();
    if (!group) {
      result.error = group.error().text;
      return result;
    }
    if (*group) {
      const PackEntries& entries = (*group)->entries;
      std::string prefix;
      for (const Sample& sample : samples()) {
        if (sample.entries == entries) prefix = sample.prefix;
      }
      std::string content(content_bytes(entries), '\0');
      if (decompressor.decompress((*group)->frame, prefix, content)) result.groups.emplace_back(entries, content);
      result.starts.push_back((*group)->start);
      continue;
    }
    if (bytes.empty()) break;
    reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  result.ended = reader.ended();
  return result;
}

}  // namespace

TEST(Pack, is_read_as_it_was_written_however_its_bytes_arrive) {
  std::vector<std::pair<PackEntries, std::string>> expected;
  for (const Sample& sample : samples()) expected.emplace_back(sample.entries, sample.content);
  for (const std::size_t piece : {1U, 7U, 64U, 100'000U}) {
    const Read result = read(whole(), piece);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.groups, expected);
    EXPECT_TRUE(result.ended);
  }
}

TEST(Pack, is_gone_on_with_where_a_group_began) {
  const Read all = read(whole(), 64);
  const Read rest = read(std::string_view(whole()).substr(all.starts.at(1)), 64, all.starts.at(1));
  EXPECT_EQ(rest.error, "");
  ASSERT_EQ(rest.groups.size(), 2U);
  EXPECT_EQ(rest.groups[0], all.groups[1]);
  EXPECT_EQ(rest.starts, std::vector(all.starts.begin() + 1, all.starts.end()));
  EXPECT_TRUE(rest.ended);
}

TEST(Pack, is_known_to_be_cut_off) {
  for_each_truncation(whole(), [](std::string_view cut) {
    const Read result = read(cut, 100'000);
    EXPECT_EQ(result.error, "");
    EXPECT_FALSE(result.ended);
  });
}

TEST(Pack, survives_every_damage) {
  std::size_t refused = 0;
  for_each_bit_flip(whole(), [&](std::string_view flipped) {
    const Read result = read(flipped, 100'000);
    if (!result.error.empty() || !result.ended || result.groups.size() < 3) ++refused;
  });
  EXPECT_GT(refused, 0U);
}

TEST(Pack, of_other_trees_is_refused) {
  EXPECT_EQ(read(encode_pack_start(kTo, kFrom) + encode_pack_end(), 100).error,
            "pack: it is none, or one between other trees");
  EXPECT_NE(pack_name(kFrom, kTo), pack_name(kTo, kFrom));
}

TEST(Pack, ends_at_its_end) {
  EXPECT_EQ(read(whole() + "x", 1'000'000).error, "pack: something follows its end");
}

TEST(Pack, is_refused_where_a_group_is_larger_than_a_host_would_hold) {
  std::string head = encode_pack_start(kFrom, kTo) + encode_pack_end();
  head[8 + 64 + 3 * 4 + 3] = '\x7f';  // the content's size
  head[8 + 64] = '\x7f';              // entries, so that it is not the end
  EXPECT_EQ(read(head, 1'000).error, "pack: a group is larger than allowed");
}

TEST(Pack, has_no_more_entries_in_a_group_than_a_host_would_look_at_in_a_moment) {
  Compressor compressor;
  PackEntries many(limits::kPackEntriesOfGroup, PackEntry{.id = kTo});
  const auto read_group = [&] {
    return read(encode_pack_start(kFrom, kTo) + encode_pack_group(many, {}, {}, compressor), 1'000'000).error;
  };
  EXPECT_EQ(read_group(), "");
  many.push_back({.id = kTo});
  EXPECT_EQ(read_group(), "pack: a group of too many entries");
}

TEST(Pack, has_entries_that_fit_their_objects_and_stay_inside) {
  Compressor compressor;
  const auto error_of = [&](const PackEntry& entry) {
    const std::string content(entry.bytes, 'c');
    const std::string prefix(entry.base_bytes, 'p');
    return read(encode_pack_start(kFrom, kTo) + encode_pack_group({entry}, content, prefix, compressor), 1'000'000)
        .error;
  };
  const PackEntry good{.id = kTo, .object_bytes = 9, .offset = 4, .bytes = 5, .base_bytes = 1, .base_path = "a"};
  EXPECT_EQ(error_of(good), "");
  PackEntry beyond = good;
  beyond.offset = 5;
  EXPECT_EQ(error_of(beyond), "pack: an entry does not fit its object");
  PackEntry huge = good;
  huge.object_bytes = limits::kObjectBytesMax + 1;
  EXPECT_EQ(error_of(huge), "pack: an entry does not fit its object");
  PackEntry nothing_of_something = good;
  nothing_of_something.bytes = 0;
  EXPECT_EQ(error_of(nothing_of_something), "pack: an entry does not fit its object");
  for (const std::string path : {"../a", "/a", "a//b", "a/../../b"}) {
    PackEntry outside = good;
    outside.base_path = path;
    EXPECT_TRUE(error_of(outside).starts_with("pack: a base: ")) << path;
  }
}

}  // namespace serin
