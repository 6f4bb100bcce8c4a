#include <filesystem>
#include <fstream>
#include <random>

#include "controller/publish/pack_shelf_file.h"
#include "protocol/pack.h"
#include "protocol/posix/files.h"
#include "protocol/posix/object_store.h"
#include "tests/agent/pull/pull_fixture.h"

namespace serin::pull {

namespace fs = std::filesystem;

namespace {

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace

/// A source with the controller's own packs, which a test may lie about.
class PullPack : public PullSocket {
 protected:
  using Lie = std::function<std::optional<Answer>(const GetObject&, const Answer&)>;

  void offer(const SampleTree& tree) {
    shelf_.know(apply::objects_of(tree).root);
    for (const auto& [id, bytes] : apply::objects_of(tree).objects) {
      all_.objects[id] = bytes;
      ASSERT_TRUE(store_.put(bytes));
    }
  }

  Answer answer(const GetObject& request) {
    asked_.push_back(request);
    if (!request.is_pack()) {
      const std::string& bytes = all_.objects.at(request.object);
      return {ObjectPart{.object = request.object, .offset = request.offset, .object_bytes = bytes.size()},
              bytes.substr(request.offset, request.length)};
    }
    const auto opened = shelf_.open(request.pack_from, request.pack_to);
    if (!opened)
      return refuse(request, opened.error().kind == ErrorKind::busy ? RefusalReason::busy : RefusalReason::absent);
    std::string part(std::min<std::uint64_t>(request.length, opened->bytes - request.offset), '\0');
    EXPECT_EQ(posix::read_at(opened->fd.get(), request.offset, part.data(), part.size()), part.size());
    return {ObjectPart{.object = request.object,
                       .offset = request.offset,
                       .object_bytes = opened->bytes,
                       .edition = opened->edition},
            std::move(part)};
  }

  /// Pulls it; `lie` may change an answer, or end the pull by asking `stop_` to stop.
  Result<apply::PullResult> pull_tree(const SampleTree& tree, const Lie& lie = {}) {
    asked_.clear();
    const Server server(context_, server_keys_, [&](const GetObject& request) -> std::optional<Answer> {
      Answer truth = answer(request);
      return lie ? lie(request, truth) : std::optional(std::move(truth));
    });
    SourceChoice sources(source_of(server));
    return pull_release(context_, agent_keys_, sources, apply::release_of(number_, tree), *slots_, {},
                        stop_.get_token());
  }
  /// Builds what was pulled and makes it live: where it is other than the tree.
  std::string go_live(const SampleTree& tree) {
    const auto slot = slots_->build(apply::release_of(number_, tree));
    if (!slot) return slot.error().text;
    if (const auto linked = slots_->link_to(*slot); !linked) return linked.error().text;
    ++number_;
    return apply::difference(settings_.live, tree);
  }
  std::string deploy(const SampleTree& tree) {
    offer(tree);
    const auto pulled = pull_tree(tree);
    if (!pulled) return pulled.error().text;
    pulled_ = *pulled;
    return go_live(tree);
  }
  [[nodiscard]] std::size_t objects_asked() const {
    return static_cast<std::size_t>(
        std::count_if(asked_.begin(), asked_.end(), [](const GetObject& each) { return !each.is_pack(); }));
  }

  TemporaryFolder source_;
  posix::ObjectWriter store_ = posix::ObjectWriter::open_folder(source_.path()).value();
  publish::PackShelf shelf_ =
      publish::PackShelf::start(source_ / "packs", posix::ObjectReader(source_.path()), 1'000'000'000).value();
  apply::SampleObjects all_;
  std::vector<GetObject> asked_;
  std::stop_source stop_;
  ReleaseNumber number_ = 1;
  apply::PullResult pulled_;
};

TEST_F(PullPack, brings_a_whole_first_release) {
  EXPECT_EQ(deploy(tree_), "");
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_EQ(pulled_.objects, objects_.objects.size());
}

TEST_F(PullPack, brings_a_change_in_few_bytes) {
  tree_["lib/page"] = file(noise(300'000, 1));
  ASSERT_EQ(deploy(tree_), "");
  tree_["lib/page"].content.insert(150'000, "<p>");
  tree_["moved"] = tree_.extract("lib/large").mapped();
  tree_.erase("empty");
  ASSERT_EQ(deploy(tree_), "");
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_EQ(asked_.back().offset, 0U) << "one round trip";
  EXPECT_LT(pulled_.bytes, 2'000U);
}

TEST_F(PullPack, asks_for_nothing_when_nothing_differs) {
  ASSERT_EQ(deploy(tree_), "");
  const auto pulled = pull_tree(tree_);
  ASSERT_TRUE(pulled);
  EXPECT_EQ(asked_.size(), 0U);
}

TEST_F(PullPack, changes_a_large_file_piece_by_piece) {
  tree_["data"] = file(noise(20'000'000, 2));
  ASSERT_EQ(deploy(tree_), "");
  std::string& data = tree_["data"].content;
  for (std::size_t at = 5'000; at < data.size(); at += 400'000) data.replace(at, 3, "edited");
  ASSERT_EQ(deploy(tree_), "");
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_LT(pulled_.bytes, 100'000U);
}

TEST_F(PullPack, brings_by_name_what_was_told_against_a_file_that_somebody_changed) {
  tree_["lib/page"] = file(noise(5'000, 3));
  tree_["other"] = file(noise(5'000, 4));
  ASSERT_EQ(deploy(tree_), "");
  const fs::path page = fs::path(settings_.live) / "lib/page";
  fs::permissions(page, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(page) << noise(5'000, 5);
  tree_["lib/page"].content += "more";
  tree_["other"].content += "more";
  ASSERT_EQ(deploy(tree_), "");
  EXPECT_EQ(objects_asked(), 1U);
  EXPECT_EQ(asked_.back().object, digest_of(tree_["lib/page"].content));
  // The same for one that is gone.
  fs::remove(fs::path(settings_.live) / "other");
  tree_["other"].content += "still more";
  ASSERT_EQ(deploy(tree_), "");
}

TEST_F(PullPack, does_without_where_the_live_tree_is_unknown_to_the_source) {
  ASSERT_EQ(deploy(tree_), "");
  for (const auto& [id, bytes] : all_.objects) fs::remove(posix::ObjectReader(source_.path()).path_of(id));
  SampleTree other{{"lib/run", program("2")}, {"b", file("new")}};
  ASSERT_EQ(deploy(other), "");
  EXPECT_EQ(objects_asked(), 3U) << "two folders and one file";
}

TEST_F(PullPack, goes_on_where_an_earlier_pull_stopped) {
  for (int i = 0; i < 12; ++i) tree_["n" + std::to_string(i)] = file(noise(1'000'000, 10U + static_cast<unsigned>(i)));
  offer(tree_);
  EXPECT_FALSE(pull_tree(tree_, [this](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
    if (request.offset > 9'000'000) {
      stop_.request_stop();
      return std::nullopt;
    }
    return truth;
  }));
  // Also over a restart of the agent.
  slots_.reset();
  slots_.emplace(apply::SlotDir::open(settings_, [] { return SteadyTime{}; }).value());
  stop_ = {};
  ASSERT_TRUE(pull_tree(tree_));
  EXPECT_GE(asked_.front().offset, 4'000'000U);
  EXPECT_TRUE(asked_.front().is_pack());
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_EQ(go_live(tree_), "");
}

TEST_F(PullPack, goes_on_inside_a_large_file) {
  tree_["data"] = file(noise(60'000'000, 50));
  offer(tree_);
  const auto stop_at = [this](std::uint64_t offset) {
    return [this, offset](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
      if (request.offset <= offset) return truth;
      stop_.request_stop();
      return std::nullopt;
    };
  };
  EXPECT_FALSE(pull_tree(tree_, stop_at(29'000'000)));
  stop_ = {};
  // In the same life, and then over a restart of the agent.
  EXPECT_FALSE(pull_tree(tree_, stop_at(49'000'000)));
  EXPECT_GE(asked_.front().offset, 16'000'000U);
  slots_.reset();
  slots_.emplace(apply::SlotDir::open(settings_, [] { return SteadyTime{}; }).value());
  slots_->tidy();
  stop_ = {};
  ASSERT_TRUE(pull_tree(tree_));
  EXPECT_GE(asked_.front().offset, 33'000'000U);
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_EQ(go_live(tree_), "");
}

TEST_F(PullPack, pulls_a_large_file_by_its_name_when_its_first_pieces_are_gone_or_damaged) {
  const fs::path incoming = settings_.live + ".slots/.serin/incoming";
  for (const bool gone : {true, false}) {
    tree_["data"] = file(noise(30'000'000, gone ? 51 : 52));
    offer(tree_);
    EXPECT_FALSE(pull_tree(tree_, [this](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
      if (request.offset <= 20'000'000) return truth;
      stop_.request_stop();
      return std::nullopt;
    }));
    stop_ = {};
    const fs::path part = incoming / (digest_of(tree_["data"].content).hex() + ".part");
    ASSERT_TRUE(fs::exists(part));
    if (gone) {
      fs::resize_file(part, 1'000'000);
    } else {
      std::fstream(part, std::ios::in | std::ios::out | std::ios::binary).seekp(5'000'000).put('x').put('y');
    }
    ASSERT_TRUE(pull_tree(tree_));
    EXPECT_GT(asked_.front().offset, 0U);
    EXPECT_EQ(objects_asked(), (30'000'000U + limits::kChunkBytes - 1) / limits::kChunkBytes);
    EXPECT_EQ(go_live(tree_), "");
  }
}

TEST_F(PullPack, begins_anew_in_a_pack_of_another_edition) {
  for (int i = 0; i < 8; ++i) tree_["n" + std::to_string(i)] = file(noise(1'000'000, 30U + static_cast<unsigned>(i)));
  offer(tree_);
  slots_->keep_pack_mark({}, objects_of(tree_).root, {.edition = 77, .offset = 500'000, .growing = {}});
  ASSERT_TRUE(pull_tree(tree_));
  EXPECT_EQ(asked_.front().offset, 500'000U);
  EXPECT_EQ(objects_asked(), 0U);
  EXPECT_EQ(go_live(tree_), "");
}

TEST_F(PullPack, goes_live_whole_whatever_byte_of_the_pack_is_wrong) {
  const SampleTree small{{"a", file("one")}, {"lib/b", file(noise(400, 40))}, {"run", program("two")}};
  offer(small);
  ASSERT_TRUE(pull_tree(small));
  const auto size = shelf_.open({}, apply::objects_of(small).root).value().bytes;
  for (std::uint64_t wrong = 0; wrong < size; wrong += 7) {
    slots_->tidy();
    fs::remove_all(settings_.live + ".slots/.serin/trees");
    fs::create_directory(settings_.live + ".slots/.serin/trees");
    const auto pulled = pull_tree(small, [&](const GetObject& request, Answer truth) -> std::optional<Answer> {
      if (request.is_pack() && !truth.payload.empty())
        truth.payload.at(wrong) = static_cast<char>(truth.payload.at(wrong) ^ 1);
      return truth;
    });
    ASSERT_TRUE(pulled) << "byte " << wrong << ": " << pulled.error().text;
    for (const auto& [path, node] : small) EXPECT_TRUE(slots_->has_file(digest_of(node.content))) << wrong;
  }
  EXPECT_EQ(go_live(small), "");
}

TEST_F(PullPack, keeps_what_was_pulled_over_a_restart_that_is_followed_by_quiet) {
  for (int i = 0; i < 12; ++i) tree_["n" + std::to_string(i)] = file(noise(1'000'000, 60U + static_cast<unsigned>(i)));
  offer(tree_);
  EXPECT_FALSE(pull_tree(tree_, [this](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
    if (request.offset <= 9'000'000) return truth;
    stop_.request_stop();
    return std::nullopt;
  }));
  slots_.reset();
  slots_.emplace(apply::SlotDir::open(settings_, [] { return SteadyTime{}; }).value());
  slots_->tidy();
  stop_ = {};
  ASSERT_TRUE(pull_tree(tree_));
  EXPECT_GE(asked_.front().offset, 4'000'000U);
  EXPECT_EQ(go_live(tree_), "");
  slots_->tidy();
  EXPECT_TRUE(fs::is_empty(settings_.live + ".slots/.serin/incoming")) << "once it was used";
}

TEST_F(PullPack, holds_one_large_object_at_a_time_whatever_a_source_begins) {
  std::vector<std::string> contents;
  for (int i = 0; i < 30; ++i) {
    contents.push_back(noise(limits::kPackContentBytesMax + 10U, 90U + static_cast<unsigned>(i)));
    tree_["n" + std::to_string(i)] = file(contents.back());
  }
  offer(tree_);
  const auto sample = apply::objects_of(tree_);
  Compressor compressor;
  std::string pack = encode_pack_start({}, sample.root);
  for (const auto& [id, bytes] : sample.objects) {
    if (!sample.is_tree.at(id)) continue;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const PackEntry entry{.is_folder = true, .id = id, .object_bytes = size, .bytes = size};
    const std::string group = encode_pack_group({entry}, bytes, {}, compressor);
    pack.insert(id == sample.root ? encode_pack_start({}, sample.root).size() : pack.size(), group);
  }
  for (const std::string& content : contents) {
    const PackEntry first{.id = digest_of(content), .object_bytes = content.size(), .bytes = 1'000};
    pack += encode_pack_group({first}, content.substr(0, 1'000), {}, compressor);
  }
  pack += encode_pack_end();
  std::size_t most = 0;
  ASSERT_TRUE(pull_tree(tree_, [&](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
    if (!request.is_pack()) return truth;
    std::size_t parts = 0;
    for (const auto& entry : fs::directory_iterator(settings_.live + ".slots/.serin/incoming")) {
      if (entry.path().extension() == ".part") ++parts;
    }
    most = std::max(most, parts);
    return Answer{
        ObjectPart{.object = request.object, .offset = request.offset, .object_bytes = pack.size(), .edition = 1},
        pack.substr(request.offset, request.length)};
  }));
  EXPECT_LE(most, 1U);
  EXPECT_EQ(go_live(tree_), "") << "it all came by name";
}

TEST_F(PullPack, takes_no_pack_that_is_larger_than_the_release_could_need) {
  offer(tree_);
  ASSERT_TRUE(pull_tree(tree_, [&](const GetObject& request, Answer truth) -> std::optional<Answer> {
    if (auto* part = std::get_if<ObjectPart>(&truth.message); part != nullptr && request.is_pack()) {
      part->object_bytes = 1ULL << 40U;
      truth.payload.resize(request.length);
    }
    return truth;
  }));
  EXPECT_EQ(go_live(tree_), "");
}

TEST_F(PullPack, keeps_nothing_that_the_release_does_not_name) {
  offer(tree_);
  const ObjectId root = apply::objects_of(tree_).root;
  const std::string unwanted = "not of this release";
  Compressor compressor;
  const std::string size_bomb(8'000'000, '\0');
  std::string pack = encode_pack_start({}, root);
  for (const std::string* content : {&unwanted, &size_bomb}) {
    const auto bytes = static_cast<std::uint32_t>(content->size());
    pack += encode_pack_group({{.id = digest_of(*content), .object_bytes = bytes, .bytes = bytes}}, *content, {},
                              compressor);
  }
  pack += encode_pack_end();
  ASSERT_TRUE(pull_tree(tree_, [&](const GetObject& request, const Answer& truth) -> std::optional<Answer> {
    if (!request.is_pack()) return truth;
    return Answer{ObjectPart{.object = request.object, .object_bytes = pack.size(), .edition = 1}, pack};
  }));
  EXPECT_FALSE(slots_->has_file(digest_of(unwanted)));
  EXPECT_FALSE(slots_->has_file(digest_of(size_bomb)));
  EXPECT_EQ(go_live(tree_), "") << "what it lacks came by name";
}

TEST_F(PullPack, a_pack_that_came_ahead_needs_no_source) {
  SampleTree tree{{"a", file("old")}, {"b", file("same")}};
  ASSERT_EQ(deploy(tree), "");
  tree["a"] = file("new");
  offer(tree);
  const auto root = apply::objects_of(tree).root;
  auto made = shelf_.open(slots_->base(), root);
  for (; !made && made.error().kind == ErrorKind::busy; made = shelf_.open(slots_->base(), root)) {
    posix::wait_readable({}, 2ms);
  }
  ASSERT_TRUE(made);
  PackAhead ahead{
      .from = slots_->base(), .to = root, .edition = made->edition, .bytes = std::string(made->bytes, '\0')};
  ASSERT_EQ(posix::read_at(made->fd.get(), 0, ahead.bytes.data(), ahead.bytes.size()), ahead.bytes.size());
  SourceChoice nobody({.proxy = {}, .endpoint = "tcp://127.0.0.1:1", .server_key = server_keys_.public_key});
  const auto pulled = pull_release(context_, agent_keys_, nobody, apply::release_of(number_, tree), *slots_,
                                   {.ahead = &ahead}, stop_.get_token());
  ASSERT_TRUE(pulled) << pulled.error().text;
  EXPECT_EQ(pulled->bytes, ahead.bytes.size());
  EXPECT_EQ(go_live(tree), "");
  EXPECT_TRUE(
      pull_release(context_, agent_keys_, nobody, apply::release_of(number_, tree), *slots_, {}, stop_.get_token()))
      << "what is live is asked for of nobody either";
}

TEST_F(PullPack, of_a_pack_that_came_ahead_damaged_nothing_is_believed_and_the_source_is_asked) {
  SampleTree tree{{"a", file("old")}};
  ASSERT_EQ(deploy(tree), "");
  tree["a"] = file("new");
  offer(tree);
  const PackAhead ahead{.from = slots_->base(), .to = apply::objects_of(tree).root, .edition = 7, .bytes = "garbage"};
  const Server server(context_, server_keys_, [&](const GetObject& request) { return answer(request); });
  SourceChoice sources(source_of(server));
  const auto pulled = pull_release(context_, agent_keys_, sources, apply::release_of(number_, tree), *slots_,
                                   {.ahead = &ahead}, stop_.get_token());
  ASSERT_TRUE(pulled) << pulled.error().text;
  EXPECT_EQ(go_live(tree), "");
}

}  // namespace serin::pull
