#include "agent/pull/pull_session.h"

#include <gtest/gtest.h>

#include <random>

#include "protocol/limits.h"
#include "tests/agent/apply/sample_tree.h"

namespace serin::pull {

using apply::file;
using apply::folder;
using apply::link_to;
using apply::objects_of;
using apply::program;
using apply::SampleObjects;
using apply::SampleTree;

namespace {

/// A source that answers in order, and a host that keeps what it is told to keep. Counts what is outstanding by itself.
class Fixture {
 public:
  Fixture(const SampleTree& wanted, const SampleTree& live, bool has_live = true) : wanted_(objects_of(wanted)) {
    const SampleObjects there = objects_of(live);
    if (has_live) {
      for (const auto& [id, bytes] : there.objects) {
        if (there.is_tree.at(id)) trees[id] = bytes;
      }
    }
    session.emplace(wanted_.root, has_live ? there.root : ObjectId{},
                    Host{.tree = [this](const ObjectId& id) -> std::optional<Tree> {
                           ++tree_questions[id];
                           const auto found = trees.find(id);
                           return found == trees.end() ? std::nullopt
                                                       : std::optional(decode_tree(found->second).value());
                         },
                         .has_file = [this](const ObjectId& id) { return files.contains(id); }});
  }

  /// A source without packs.
  void ask() {
    auto requests = session->next_requests();
    ASSERT_TRUE(requests) << requests.error().text;
    if (requests->size() == 1 && requests->front().is_pack()) {
      EXPECT_TRUE(session->absent(requests->front().object));
      requests = session->next_requests();
      ASSERT_TRUE(requests) << requests.error().text;
    }
    for (const GetObject& request : *requests) {
      queue.push_back(request);
      asked.push_back(request);
      ASSERT_GT(request.length, 0U);
      ASSERT_LE(request.length, limits::kChunkBytes);
    }
    std::uint64_t outstanding = 0;
    for (const GetObject& request : queue) outstanding += request.length;
    ASSERT_LE(outstanding, limits::kCreditBytes);
    ASSERT_LE(queue.size(), kRequestsMax);
  }

  [[nodiscard]] ObjectPart part(const GetObject& request) const {
    return {.object = request.object, .offset = request.offset, .object_bytes = bytes_of(request.object).size()};
  }
  [[nodiscard]] std::string payload(const GetObject& request) const {
    return bytes_of(request.object).substr(request.offset, request.length);
  }
  [[nodiscard]] const std::string& bytes_of(const ObjectId& id) const { return wanted_.objects.at(id); }

  /// The answer to the oldest request arrives.
  void answer() {
    const GetObject request = queue.front();
    queue.pop_front();
    take(part(request), payload(request));
  }
  void take(const ObjectPart& arrived, const std::string& bytes) {
    const auto actions = session->on_part(arrived, bytes);
    ASSERT_TRUE(actions) << actions.error().text;
    for (const Action& action : *actions) {
      if (const auto* tree = std::get_if<StoreTree>(&action)) trees[tree->id] = tree->bytes;
      if (const auto* append = std::get_if<AppendFile>(&action)) {
        ASSERT_EQ(append->offset, incoming[append->id].size()) << "without a hole";
        incoming[append->id] += append->bytes;
      }
      if (const auto* done = std::get_if<FinishFile>(&action)) {
        ASSERT_EQ(digest_of(incoming[done->id]), done->id);
        files.insert(done->id);
      }
    }
  }
  /// The error when this comes.
  [[nodiscard]] std::string error_of(const ObjectPart& arrived, const std::string& bytes) {
    const auto actions = session->on_part(arrived, bytes);
    return actions ? "" : (actions.error().kind == ErrorKind::corrupt ? "" : "not corrupt: ") + actions.error().text;
  }
  void run() {
    for (ask(); !session->done() && !testing::Test::HasFatalFailure(); ask()) {
      ASSERT_FALSE(queue.empty()) << "it waits for nothing";
      answer();
    }
  }
  [[nodiscard]] bool has_everything() const {
    return std::all_of(wanted_.objects.begin(), wanted_.objects.end(), [&](const auto& object) {
      return trees.contains(object.first) || files.contains(object.first);
    });
  }
  [[nodiscard]] std::size_t times_asked(const ObjectId& id) const {
    return static_cast<std::size_t>(
        std::count_if(asked.begin(), asked.end(), [&](const GetObject& each) { return each.object == id; }));
  }

  SampleObjects wanted_;
  std::map<ObjectId, std::string> trees, incoming;
  std::set<ObjectId> files;
  std::map<ObjectId, int> tree_questions;
  std::deque<GetObject> queue;  ///< what the source has not answered
  std::vector<GetObject> asked;
  std::optional<PullSession> session;
};

std::string bytes(std::size_t count, char seed = 'a') {
  std::string text(count, seed);
  for (std::size_t i = 0; i < count; i += 997) text[i] = static_cast<char>(i % 251);
  return text;
}

constexpr std::size_t kChunk = limits::kChunkBytes;

}  // namespace

TEST(PullSession, asks_for_folders_first_and_from_the_root_down) {
  Fixture pull({{"a", file("1")}, {"b/c/d", file("2")}}, {}, false);
  pull.run();
  std::vector<bool> is_tree;
  is_tree.reserve(pull.asked.size());
  for (const GetObject& request : pull.asked) is_tree.push_back(pull.wanted_.is_tree.at(request.object));
  EXPECT_EQ(is_tree, (std::vector{true, true, true, false, false}));
  EXPECT_EQ(pull.asked.front().object, pull.wanted_.root);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, needs_nothing_when_the_release_is_live) {
  const SampleTree tree{{"a", file("1")}};
  Fixture pull(tree, tree);
  pull.ask();
  EXPECT_TRUE(pull.session->done());
  EXPECT_TRUE(pull.asked.empty());
}

TEST(PullSession, never_asks_for_what_is_equal_in_the_live_tree) {
  const SampleTree live{{"a", file("1")}, {"same/x", file("2")}, {"same/deep/y", file("3")}, {"changed/z", file("4")}};
  SampleTree wanted = live;
  wanted["changed/new"] = file("5");
  Fixture pull(wanted, live);
  pull.run();
  EXPECT_EQ(pull.asked.size(), 3U) << "the root, one folder, one file";
  EXPECT_EQ(pull.files, std::set{digest_of("5")});
  const SampleObjects same = objects_of({{"x", file("2")}, {"deep/y", file("3")}});
  EXPECT_FALSE(pull.tree_questions.contains(same.root)) << "not even the disk";
}

TEST(PullSession, content_that_only_got_another_time_or_mode_is_not_pulled) {
  const SampleTree live{{"a", file("1", 10)}, {"b", file("2")}};
  Fixture pull({{"a", file("1", 11)}, {"b", program("2")}}, live);
  pull.run();
  EXPECT_EQ(pull.asked.size(), 1U);
}

TEST(PullSession, content_at_another_path_is_pulled) {
  Fixture pull({{"b", file("1")}}, {{"a", file("1")}});
  pull.run();
  EXPECT_EQ(pull.files, std::set{digest_of("1")});
}

TEST(PullSession, what_was_pulled_before_is_not_pulled_again) {
  Fixture pull({{"a", file("1")}, {"b/c", file("2")}}, {}, false);
  pull.files.insert(digest_of("1"));
  pull.trees[pull.wanted_.root] = pull.bytes_of(pull.wanted_.root);
  pull.run();
  EXPECT_EQ(pull.asked.size(), 2U);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, equal_content_and_equal_folders_are_asked_for_once) {
  Fixture pull(
      {{"a", file("same")}, {"b", program("same")}, {"c/x", file("in")}, {"d/x", file("in")}, {"e/f/x", file("in")}},
      {}, false);
  pull.run();
  EXPECT_TRUE(pull.has_everything());
  EXPECT_EQ(pull.asked.size(), pull.wanted_.objects.size());
}

TEST(PullSession, a_folder_that_turns_up_again_while_it_is_on_its_way_is_asked_for_once) {
  // "b" and "a/b" are one object: found in the root while nothing has come, and again in "a" while it is in flight.
  const SampleTree tree{{"a/b/x", file("1")}, {"a/y", file("2")}, {"b/x", file("1")}};
  Fixture pull(tree, {}, false);
  const ObjectId twice = objects_of({{"x", file("1")}}).root;
  pull.ask();
  pull.answer();
  pull.ask();
  ASSERT_EQ(pull.queue.size(), 2U);
  if (pull.queue.front().object == twice) std::swap(pull.queue[0], pull.queue[1]);
  pull.answer();
  pull.run();
  EXPECT_EQ(pull.times_asked(twice), 1U);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, a_folder_that_turns_up_again_after_it_came_is_not_asked_for) {
  const SampleTree tree{{"a/b/x", file("1")}, {"a/y", file("2")}, {"b/x", file("1")}};
  Fixture pull(tree, {}, false);
  const ObjectId twice = objects_of({{"x", file("1")}}).root;
  pull.ask();
  pull.answer();
  pull.ask();
  if (pull.queue.front().object != twice) std::swap(pull.queue[0], pull.queue[1]);
  pull.run();
  EXPECT_EQ(pull.times_asked(twice), 1U);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, an_empty_file_is_asked_for_once) {
  Fixture pull({{"a", file("")}, {"b", file("")}}, {}, false);
  pull.run();
  const ObjectId empty = digest_of("");
  EXPECT_EQ(pull.times_asked(empty), 1U);
  EXPECT_EQ(pull.asked.back(), (GetObject{.object = empty, .offset = 0, .length = 1}));
  EXPECT_TRUE(pull.files.contains(empty));
}

TEST(PullSession, a_large_file_comes_in_chunks_without_a_hole) {
  const std::string large = bytes(5 * kChunk + 17);
  Fixture pull({{"a", file(large)}, {"b", file(bytes(kChunk, 'b'))}}, {}, false);
  pull.run();
  EXPECT_EQ(pull.incoming.at(digest_of(large)), large);
  EXPECT_EQ(pull.times_asked(digest_of(large)), 6U);
  EXPECT_EQ(pull.times_asked(digest_of(bytes(kChunk, 'b'))), 1U);
}

TEST(PullSession, a_folder_larger_than_a_chunk_comes_whole) {
  SampleTree wide;
  for (int i = 0; i < 6'000; ++i) wide["name-that-is-long-enough-to-fill-a-chunk-" + std::to_string(i)] = link_to("x");
  Fixture pull(wide, {}, false);
  pull.run();
  EXPECT_GT(pull.bytes_of(pull.wanted_.root).size(), 2 * kChunk);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, tells_what_is_still_to_come_once_the_folders_are_known) {
  Fixture pull({{"a", file("123")}, {"b/c", file("45")}, {"d", file("123")}}, {}, false);
  EXPECT_FALSE(pull.session->folders_known());
  while (!pull.session->folders_known()) {
    pull.ask();
    pull.answer();
  }
  EXPECT_EQ(pull.session->bytes_missing(), 5U);
  EXPECT_EQ(pull.session->bytes_left(), 5U) << "without a pack the same";
  EXPECT_EQ(pull.session->files_missing(), 2U);
  pull.run();
  EXPECT_EQ(pull.session->bytes_missing(), 0U);
  EXPECT_EQ(pull.session->files_missing(), 0U);
}

TEST(PullSession, tells_what_is_left_of_a_pack_once_its_size_is_known) {
  PullSession session(digest_of("root"), {},
                      {.tree = [](const ObjectId&) -> std::optional<Tree> { return std::nullopt; },
                       .has_file = [](const ObjectId&) { return false; }});
  const auto requests = session.next_requests();
  ASSERT_TRUE(requests);
  ASSERT_EQ(requests->size(), 1U);
  EXPECT_EQ(session.bytes_left(), 0U);
  const ObjectPart first{.object = requests->front().object, .object_bytes = 10 * kChunk, .edition = 3};
  ASSERT_TRUE(session.on_part(first, bytes(kChunk, 'p')));
  EXPECT_EQ(session.bytes_left(), 9 * kChunk);
  session.give_up_pack();
  EXPECT_EQ(session.bytes_left(), 0U) << "of files it knows nothing yet";
}

TEST(PullSession, a_refused_request_is_asked_for_again_and_what_came_meanwhile_is_kept) {
  const std::string large = bytes(4 * kChunk);
  for (const std::size_t refused : {0U, 1U, 2U, 3U}) {
    Fixture pull({{"a", file(large)}}, {}, false);
    pull.ask();
    pull.answer();
    pull.ask();
    ASSERT_EQ(pull.queue.size(), 4U);
    const GetObject request = pull.queue[refused];
    // The source refuses this one, and sends what follows it all the same.
    for (std::size_t i = 0; i < 4; ++i) {
      if (i == refused) {
        pull.queue.pop_front();
        pull.session->retry(request.object, request.offset);
      } else {
        pull.answer();
      }
    }
    pull.run();
    EXPECT_EQ(pull.incoming.at(digest_of(large)), large) << refused;
    EXPECT_EQ(pull.times_asked(digest_of(large)), 5U);
  }
}

TEST(PullSession, a_refused_folder_is_asked_for_again) {
  Fixture pull({{"a", file("1")}}, {}, false);
  pull.ask();
  pull.session->retry(pull.queue.front().object, 0);
  pull.queue.clear();
  pull.run();
  EXPECT_EQ(pull.times_asked(pull.wanted_.root), 2U);
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, a_retry_of_what_was_not_asked_for_changes_nothing) {
  Fixture pull({{"a", file("1")}}, {}, false);
  pull.ask();
  pull.session->retry(digest_of("stranger"), 0);
  pull.session->retry(pull.wanted_.root, 7);
  pull.ask();
  EXPECT_EQ(pull.asked.size(), 1U);
  pull.run();
}

TEST(PullSession, what_was_not_asked_for_is_ignored) {
  const std::string large = bytes(2 * kChunk);
  Fixture pull({{"a", file(large)}, {"b", file("1")}}, {}, false);
  pull.ask();
  pull.answer();
  pull.ask();
  while (pull.queue.front().object != digest_of(large)) pull.answer();
  const GetObject first = pull.queue.front();
  pull.answer();
  pull.take(pull.part(first), pull.payload(first));  // twice
  pull.take({.object = digest_of("stranger"), .object_bytes = 1}, "s");
  pull.take({.object = first.object, .offset = 99, .object_bytes = large.size()}, "odd");
  pull.run();
  EXPECT_TRUE(pull.has_everything());
}

TEST(PullSession, a_part_that_is_not_what_was_asked_for_is_corrupt) {
  const auto at_file = [](Fixture& pull) {
    pull.ask();
    pull.answer();
    pull.ask();
    return pull.queue.front();
  };
  const auto error = [&](const std::function<std::string(Fixture&, const GetObject&)>& send) {
    Fixture pull({{"a", file("123")}}, {}, false);
    const GetObject request = at_file(pull);
    return send(pull, request);
  };
  const std::string name = "object " + digest_of("123").brief() + ": ";
  using F = Fixture;
  EXPECT_EQ(error([](F& pull, const GetObject& request) { return pull.error_of(pull.part(request), "12x"); }),
            name + "its bytes are not what its name says");
  EXPECT_EQ(error([](F& pull, const GetObject& request) { return pull.error_of(pull.part(request), "12"); }),
            name + "a part of 2 bytes instead of 3");
  EXPECT_EQ(error([](F& pull, const GetObject& request) { return pull.error_of(pull.part(request), "1234"); }),
            name + "a part of 4 bytes instead of 3");
  EXPECT_EQ(error([](F& pull, const GetObject& request) { return pull.error_of(pull.part(request), ""); }),
            name + "a part of 0 bytes instead of 3");
  EXPECT_EQ(error([](F& pull, const GetObject& request) {
              return pull.error_of({.object = request.object, .object_bytes = 4}, "123");
            }),
            name + "4 bytes instead of 3");
}

TEST(PullSession, a_folder_that_is_not_what_its_name_says_is_corrupt) {
  for (const auto& [size, sent] :
       std::map<std::uint64_t, std::string>{{3, "abc"}, {0, ""}, {limits::kTreeObjectBytesMax + 1, bytes(kChunk)}}) {
    Fixture pull({{"a", file("1")}}, {}, false);
    pull.ask();
    EXPECT_NE(pull.error_of({.object = pull.wanted_.root, .object_bytes = size}, sent), "") << size;
  }
}

TEST(PullSession, a_folder_that_changes_its_size_is_corrupt) {
  SampleTree wide;
  for (int i = 0; i < 6'000; ++i) wide["name-that-is-long-enough-to-fill-a-chunk-" + std::to_string(i)] = link_to("x");
  Fixture pull(wide, {}, false);
  pull.ask();
  pull.answer();
  pull.ask();
  ObjectPart part = pull.part(pull.queue.front());
  ++part.object_bytes;
  EXPECT_NE(pull.error_of(part, pull.payload(pull.queue.front())), "");
}

TEST(PullSession, an_object_that_is_no_folder_is_corrupt) {
  const std::string rubbish = "no folder";
  PullSession session(
      digest_of(rubbish), ObjectId{},
      {.tree = [](const ObjectId&) { return std::nullopt; }, .has_file = [](const ObjectId&) { return false; }});
  session.give_up_pack();
  ASSERT_TRUE(session.next_requests());
  const auto taken = session.on_part({.object = digest_of(rubbish), .object_bytes = rubbish.size()}, rubbish);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::corrupt);
}

TEST(PullSession, a_tree_that_is_nested_too_deep_is_refused) {
  std::string path = "d";
  for (std::size_t depth = 0; depth < limits::kTreeDepthMax + 1; ++depth) path += "/d";
  Fixture pull({{path, file("1")}}, {}, false);
  pull.session->give_up_pack();
  std::string error;
  while (error.empty()) {
    const auto requests = pull.session->next_requests();
    ASSERT_TRUE(requests);
    ASSERT_EQ(requests->size(), 1U);
    const auto actions = pull.session->on_part(pull.part(requests->front()), pull.payload(requests->front()));
    if (!actions) error = actions.error().text;
  }
  EXPECT_NE(error.find("nested deeper than 128 folders"), std::string::npos) << error;
}

/// Random trees, sizes, refusals, failed sends and doubled answers: the credit holds at every step, and in the end
/// everything is there.
TEST(PullSession, keeps_its_credit_whatever_happens) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
    const std::size_t sizes[] = {0, 1, 7, 1'000, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk + 5, 6 * kChunk};
    SampleTree live;
    SampleTree wanted;
    for (std::size_t i = 0; i < 40; ++i) {
      const std::string path = std::to_string(below(3)) + "/" + std::to_string(below(3)) + "/" + std::to_string(i);
      const auto node = file(bytes(sizes[below(i < 6 ? 9 : 5)], static_cast<char>('a' + below(4))));
      if (below(3) != 0) wanted[path] = node;
      if (below(3) == 0) live[path] = node;
    }
    for (std::size_t i = 0; seed % 10 == 0 && i < 1'500; ++i)
      wanted["many/" + std::to_string(i)] = file(std::to_string(i));
    Fixture pull(wanted, live, seed % 2 == 0);
    for (pull.ask(); !pull.session->done(); pull.ask()) {
      if (testing::Test::HasFatalFailure()) return;
      ASSERT_FALSE(pull.queue.empty()) << "it waits for nothing";
      const GetObject request = pull.queue.front();
      if (below(8) == 0) {
        pull.queue.pop_front();
        pull.session->retry(request.object, request.offset);
      } else if (below(10) == 0) {  // the newest could not be sent
        const GetObject newest = pull.queue.back();
        pull.queue.pop_back();
        pull.session->retry(newest.object, newest.offset);
      } else {
        pull.answer();
      }
      const auto is_it = [&](const GetObject& each) {
        return each.object == request.object && each.offset == request.offset;
      };
      if (below(10) == 0 && std::none_of(pull.queue.begin(), pull.queue.end(), is_it)) {
        pull.take(pull.part(request), pull.payload(request));  // twice
      }
    }
    for (const auto& [path, node] : wanted) {
      const auto there = live.find(path);
      const bool is_live = seed % 2 == 0 && there != live.end() && there->second.content == node.content;
      EXPECT_NE(pull.files.contains(digest_of(node.content)),
                is_live && !pull.incoming.contains(digest_of(node.content)));
    }
    EXPECT_TRUE(seed % 2 == 0 || pull.has_everything());
  }
}

}  // namespace serin::pull
