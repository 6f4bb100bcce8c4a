#include "agent/pull/pull_socket.h"

#include <atomic>
#include <set>

#include "tests/agent/pull/pull_fixture.h"

namespace serin::pull {

TEST_F(PullSocket, brings_a_release_into_the_slots) {
  const auto pulled = pull([this](const GetObject& request) { return part_of(request); });
  ASSERT_TRUE(pulled) << pulled.error().text;
  EXPECT_EQ(pulled->objects, objects_.objects.size());
  std::uint64_t bytes = 0;
  for (const auto& [id, content] : objects_.objects) bytes += content.size();
  EXPECT_EQ(pulled->bytes, bytes);
  EXPECT_EQ(built(), "");
}

TEST_F(PullSocket, what_mending_needs_is_pulled_though_the_live_tree_should_have_it) {
  const auto all = [this](const GetObject& request) { return part_of(request); };
  ASSERT_TRUE(pull(all));
  ASSERT_TRUE(slots_->link_to(slots_->build(apply::release_of(1, tree_)).value()));
  std::set<ObjectId> asked;
  std::optional<Server> server;
  server.emplace(context_, server_keys_, [&](const GetObject& request) {
    asked.insert(request.object);
    return part_of(request);
  });
  const std::set<ObjectId> damaged{digest_of("2")};
  SourceChoice sources(source_of(*server));
  const auto pulled = pull_objects(context_, agent_keys_, sources, apply::release_of(1, tree_), damaged, *slots_, {});
  ASSERT_TRUE(pulled) << pulled.error().text;
  server.reset();  // its thread wrote what is read now
  EXPECT_EQ(asked, damaged);
  EXPECT_TRUE(slots_->has_file(digest_of("2")));
}

TEST_F(PullSocket, asks_again_where_the_source_was_busy) {
  std::set<std::pair<ObjectId, std::uint64_t>> seen;
  const auto pulled = pull([&](const GetObject& request) {
    return seen.emplace(request.object, request.offset).second ? refuse(request, RefusalReason::busy)
                                                               : part_of(request);
  });
  ASSERT_TRUE(pulled) << pulled.error().text;
  EXPECT_EQ(built(), "");
}

TEST_F(PullSocket, goes_on_where_an_earlier_pull_stopped) {
  const ObjectId last = digest_of("2");
  EXPECT_FALSE(pull([&](const GetObject& request) {
    return request.object == last ? refuse(request, RefusalReason::absent) : part_of(request);
  }));
  std::atomic<int> requests = 0;
  EXPECT_TRUE(pull([&](const GetObject& request) {
    ++requests;
    return part_of(request);
  }));
  EXPECT_LT(requests, 4) << "what was whole is not asked for again";
  EXPECT_EQ(built(), "");
}

TEST_F(PullSocket, tells_what_the_source_does_not_have) {
  EXPECT_EQ(
      error_of([](const GetObject& request) { return refuse(request, RefusalReason::absent); }, ErrorKind::not_found),
      "SOURCE does not have object " + objects_.root.brief() + " (absent)");
}

TEST_F(PullSocket, keeps_nothing_of_a_source_that_lies) {
  EXPECT_EQ(error_of(
                [this](const GetObject& request) {
                  Answer answer = part_of(request);
                  if (request.object == digest_of("2")) answer.payload = "3";
                  return answer;
                },
                ErrorKind::corrupt),
            "object " + digest_of("2").brief() + ": its bytes are not what its name says");
  EXPECT_FALSE(slots_->has_file(digest_of("2")));
}

TEST_F(PullSocket, refuses_an_answer_that_is_no_message_of_ours) {
  const auto pulled = pull([](const GetObject&) { return Answer{Order{.application = "-bad-"}, {}}; });
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().kind, ErrorKind::corrupt);
}

TEST_F(PullSocket, stops_when_it_is_told_to_even_if_the_source_is_silent) {
  std::stop_source stop;
  const SteadyTime before = posix::boot_time();
  const auto pulled = pull(
      [&](const GetObject&) {
        stop.request_stop();
        return std::optional<Answer>{};
      },
      stop.get_token());
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().kind, ErrorKind::busy);
  EXPECT_LT(posix::boot_time() - before, 8s) << "before it gave the source up";
}

TEST_F(PullSocket, is_told_when_the_source_does_not_know_it) {
  agent_keys_ = posix::make_curve_keys();
  EXPECT_EQ(error_of([this](const GetObject& request) { return part_of(request); }, ErrorKind::busy),
            "SOURCE does not know this host's key (any more)");
}

TEST_F(PullSocket, does_not_begin_what_does_not_fit) {
  // The folders' object is true; the disk is not large enough for what it names.
  Tree huge;
  for (int i = 0; i < 2'000; ++i) {
    huge.entries.push_back({.name = std::to_string(10'000 + i),
                            .kind = EntryKind::file,
                            .size = limits::kObjectBytesMax,
                            .id = digest_of(std::to_string(i))});
  }
  const std::string bytes = encode_tree(huge);
  const ObjectId root = digest_of(bytes);
  objects_.objects[root] = bytes;
  const Server server(context_, server_keys_, [this](const GetObject& request) { return part_of(request); });
  SourceChoice sources(source_of(server));
  const auto pulled =
      pull_release(context_, agent_keys_, sources, {.application = "shop", .number = 1, .root = root}, *slots_, {}, {});
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().kind, ErrorKind::no_space);
}

TEST_F(PullSocket, takes_no_more_than_its_rate_allows) {
  constexpr std::uint64_t kRate = 4'000'000;
  const std::string large(2'000'000, 'x');
  tree_ = SampleTree{{"large", file(large)}};
  objects_ = apply::objects_of(tree_);
  const Server server(context_, server_keys_, [this](const GetObject& request) { return part_of(request); });
  SourceChoice sources(source_of(server));
  const SteadyTime begin = posix::boot_time();
  const auto pulled =
      pull_release(context_, agent_keys_, sources, apply::release_of(1, tree_), *slots_, {.bytes_per_s = kRate}, {});
  ASSERT_TRUE(pulled) << pulled.error().text;
  // What was asked for at once, the credit, comes at once; a tenth of a second's worth is not waited for.
  EXPECT_GE(posix::boot_time() - begin, 1ms * ((large.size() - limits::kCreditBytes) * 1'000 / kRate) - 110ms);
  EXPECT_EQ(built(), "");
}

}  // namespace serin::pull
