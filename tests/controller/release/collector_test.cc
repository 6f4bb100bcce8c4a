// A real store with many releases: what goes, what stays, and what a crash in the middle leaves.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "controller/release/build_worker_dir.h"
#include "controller/release/collector_dir.h"
#include "protocol/posix/link_socket.h"
#include "tests/controller/release/build_fixture.h"

namespace serin::release {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CollectorTest : public BuildFixture {
 protected:
  static constexpr std::int64_t kLater = 7'200;

  /// `count` releases, each with a file of its own beside what all share.
  std::vector<BuildResult> releases(int count) {
    std::vector<BuildResult> all;
    write("lib/shared.txt", "shared");
    for (int i = 1; i <= count; ++i) {
      write("version", std::to_string(i));
      write("only/" + std::to_string(i), "only in " + std::to_string(i));
      if (i > 1) remove("only/" + std::to_string(i - 1));
      all.push_back(build());
    }
    return all;
  }
  [[nodiscard]] std::size_t objects() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(state() / "objects")) {
      if (entry.is_regular_file()) ++count;
    }
    return count;
  }
  static std::set<ObjectId> ids_in(const fs::path& state) {
    std::set<ObjectId> ids;
    for (unsigned part = 0; part < 256; ++part) {
      const auto listed = posix::ObjectReader(state).list(static_cast<unsigned char>(part));
      EXPECT_TRUE(listed);
      if (listed) ids.insert(listed->begin(), listed->end());
    }
    return ids;
  }
  [[nodiscard]] ReleaseDir open_at(const fs::path& state) const {
    return ReleaseDir::open(state, {.wall_seconds = [this] { return wall_seconds_; }, .opened_to_read = {}}).value();
  }
  /// As the worker does an hour later, after a restart.
  Result<CollectResult> collect(const std::vector<ObjectId>& roots, bool dry_run = false) {
    wall_seconds_ += kLater;
    reopen();
    return releases_->collect({.roots = roots, .dry_run = dry_run}, {});
  }
};

TEST_F(CollectorTest, what_no_kept_release_reaches_goes_and_the_rest_is_whole) {
  const auto all = releases(20);
  const std::size_t before = objects();
  const auto collected = collect({all[18].root, all[19].root});
  ASSERT_TRUE(collected) << collected.error().text;
  // Each release has two files, two folders of its own: the root and only/.
  EXPECT_EQ(collected->objects, 18U * 4);
  EXPECT_EQ(objects(), before - std::size_t{18} * 4);
  EXPECT_EQ(collected->objects_kept, objects());
  EXPECT_THAT(words_of(all[18].root),
              ::testing::ElementsAre("lib/shared.txt=shared", "only/19=only in 19", "version=19"));
  EXPECT_THAT(words_of(all[19].root),
              ::testing::ElementsAre("lib/shared.txt=shared", "only/20=only in 20", "version=20"));
  EXPECT_FALSE(store().has(all[0].root));
}

TEST_F(CollectorTest, an_object_of_two_releases_stays_for_the_one_that_is_kept) {
  const auto all = releases(2);
  ASSERT_TRUE(collect({all[0].root}));
  EXPECT_TRUE(store().has(digest_of("shared")));
  EXPECT_FALSE(store().has(digest_of("only in 2")));
}

TEST_F(CollectorTest, a_dry_run_counts_the_same_and_removes_nothing) {
  const auto all = releases(5);
  const std::size_t before = objects();
  const auto counted = collect({all[4].root}, true);
  ASSERT_TRUE(counted);
  EXPECT_EQ(objects(), before);
  EXPECT_EQ(collect({all[4].root}), counted);
  EXPECT_EQ(objects(), before - counted->objects);
}

TEST_F(CollectorTest, nothing_that_is_younger_than_an_hour_goes) {
  releases(3);
  const std::size_t before = objects();
  wall_seconds_ -= 3'600;  // now
  reopen();
  ASSERT_TRUE(releases_->collect({}, {}));
  EXPECT_EQ(objects(), before);
}

TEST_F(CollectorTest, what_was_just_built_of_old_objects_stays_though_nobody_names_it_yet) {
  const auto all = releases(1);
  wall_seconds_ += kLater;
  reopen();
  const BuildResult again = build();  // puts nothing: all of it is there
  ASSERT_EQ(again.root, all[0].root);
  ASSERT_TRUE(releases_->collect({}, {}));
  EXPECT_TRUE(store().has(again.root));
  wall_seconds_ += 3'600;
  ASSERT_TRUE(releases_->collect({}, {}));
  EXPECT_FALSE(store().has(again.root));
}

TEST_F(CollectorTest, nothing_goes_when_a_kept_release_cannot_be_read_whole) {
  const auto all = releases(3);
  const auto folder = store().path_of(tree(all[2].root).entries[0].id);
  ASSERT_EQ(::chmod(folder.c_str(), 0644), 0);
  std::ofstream(folder) << "torn";
  const std::size_t before = objects();
  const auto collected = collect({all[2].root});
  ASSERT_FALSE(collected);
  EXPECT_THAT(collected.error().text, AllOf(HasSubstr("a release that is kept is not whole"),
                                            HasSubstr("a deploy of the whole source made it anew")));
  EXPECT_EQ(objects(), before);
}

TEST_F(CollectorTest, a_collection_that_was_killed_anywhere_is_ended_by_the_next_one) {
  const auto all = releases(4);
  const std::vector<ObjectId> kept{all[3].root};
  const auto before = ids_in(state());
  const auto copy_of_state = [this] {
    auto copy = std::make_unique<TemporaryFolder>("/dev/shm");
    fs::copy(state(), *copy / "state", fs::copy_options::recursive);
    return copy;
  };
  wall_seconds_ += kLater;
  const auto whole = copy_of_state();
  ASSERT_TRUE(open_at(*whole / "state").collect({.roots = kept}, {}));
  const auto after = ids_in(*whole / "state");
  std::vector<ObjectId> doomed;
  std::ranges::set_difference(before, after, std::back_inserter(doomed));
  ASSERT_GT(doomed.size(), 8U);
  // Objects go one unlink at a time, in the order of their ids' first byte: so does a crash leave them.
  for (std::size_t killed_after = 0; killed_after <= doomed.size(); ++killed_after) {
    const auto copy = copy_of_state();
    for (std::size_t i = 0; i < killed_after; ++i) {
      ASSERT_EQ(::unlink(posix::ObjectReader(*copy / "state").path_of(doomed[i]).c_str()), 0);
    }
    const auto ended = open_at(*copy / "state").collect({.roots = kept}, {});
    ASSERT_TRUE(ended) << ended.error().text;
    EXPECT_EQ(ended->objects, doomed.size() - killed_after);
    EXPECT_EQ(ids_in(*copy / "state"), after);
  }
}

TEST_F(CollectorTest, who_reads_an_object_that_goes_reads_it_to_its_end) {
  releases(1);
  const auto opened = store().open(digest_of("shared"));
  ASSERT_TRUE(opened);
  ASSERT_TRUE(collect({}));
  char bytes[7] = {};
  EXPECT_EQ(::read(opened->fd.get(), bytes, sizeof bytes), 6);
  EXPECT_EQ(store().open(digest_of("shared")).error().kind, ErrorKind::not_found);
}

TEST_F(CollectorTest, a_build_and_a_collection_wait_for_each_other) {
  write("a", "1");
  bool building = false;
  on_read_ = [&](const std::string&) { building = true; };
  BuildWorker worker(std::move(*releases_));
  worker.post(request());
  worker.post(CollectRequest{});
  worker.post(request());
  std::optional<Result<CollectResult>> collected;
  std::vector<ObjectId> roots;
  while (!collected || roots.size() < 2) {
    posix::wait_readable({worker.fd(), worker.collected_fd()}, std::chrono::seconds{10});
    while (auto built = worker.take()) roots.push_back(built->result->root);
    if (auto done = worker.take_collected()) collected = std::move(*done);
  }
  ASSERT_TRUE(*collected);
  EXPECT_TRUE(building);
  EXPECT_EQ((*collected)->objects, 0U) << "the build before it is known to the worker alone";
  EXPECT_EQ(roots[0], roots[1]);
  EXPECT_TRUE(store().has(roots[0]));
}

}  // namespace
}  // namespace serin::release
