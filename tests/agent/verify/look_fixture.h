#pragma once

#include "agent/apply/object_shelf_dir.h"
#include "agent/apply/tree_mend_dir.h"
#include "agent/verify/tree_look_dir.h"
#include "tests/agent/apply/slot_fixture.h"

namespace serin::drift {

using apply::file;
using apply::folder;
using apply::link_to;
using apply::program;
using apply::SampleTree;

/// A live tree with an older slot beside it, and what was found wrong with it.
class LookTest : public apply::SlotTest {
 protected:
  void SetUp() override {
    SlotTest::SetUp();
    ASSERT_EQ(deploy(1, before_), "");
    ASSERT_EQ(deploy(2, tree_), "");
  }

  [[nodiscard]] std::filesystem::path at(const std::string& path) const { return slots_dir() / slot(2, tree_) / path; }
  [[nodiscard]] std::filesystem::path old_at(const std::string& path) const {
    return slots_dir() / slot(1, before_) / path;
  }
  [[nodiscard]] LookOptions options() const {
    return {.folder = slots_dir() / slot(2, tree_),
            .root = apply::release_of(2, tree_).root,
            .load = [this](const ObjectId& id) { return apply::read_tree_object(own("trees"), id); },
            .kept = {},
            .after = {},
            .bytes_per_s = 0};
  }
  /// Looks at the whole tree; fails the test when that cannot be done.
  TreeLook look() {
    TreeLook seen;
    const auto looked = look_at_tree(options(), seen, [](const TreeLook&) {}, {});
    EXPECT_TRUE(looked) << looked.error().text;
    return seen;
  }
  /// "changed lib/a, extra x"
  static std::string words(const std::vector<Drift>& drifts) {
    std::string all;
    for (const Drift& drift : drifts) {
      all += (all.empty() ? "" : ", ") + std::string(name_of(drift.kind)) + " " + drift.path;
    }
    return all;
  }
  std::string found() { return words(look().drifts.kept()); }

  apply::MendResult mend(const std::vector<Drift>& drifts, const std::stop_token& stop = {}) {
    return apply::mend_tree(
        *slots_,
        {.release = apply::release_of(2, tree_),
         .drifts = drifts,
         .pull = [this](const Release& release, const std::set<ObjectId>& files, apply::SlotDir& slots,
                        const std::stop_token&) { return source_.pull_objects(release, files, slots); }},
        stop);
  }
  static std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const SampleTree before_{{"index.php", file("one")},      {"lib/a.php", file("shared a")},
                           {"lib/b.php", file("shared b")}, {"bin/run", program("#!/bin/sh\n")},
                           {"current", link_to("lib")},     {"empty", folder()}};
  const SampleTree tree_{{"index.php", file("two")},
                         {"lib/a.php", file("shared a")},
                         {"lib/b.php", file("shared b")},
                         {"lib/b-more/c.php", file("c")},
                         {"bin/run", program("#!/bin/sh\n")},
                         {"current", link_to("lib")},
                         {"empty", folder()}};
};

}  // namespace serin::drift
