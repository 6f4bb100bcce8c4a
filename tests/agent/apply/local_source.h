#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/apply/applier_process.h"
#include "agent/apply/slot_dir.h"
#include "agent/pull/pull_session.h"
#include "tests/agent/apply/sample_tree.h"

namespace serin::apply {

/// Answers a real PullSession from memory, into the slots, as the content socket would.
class LocalSource {
 public:
  void offer(const SampleTree& tree) {
    const SampleObjects all = objects_of(tree);
    objects_.insert(all.objects.begin(), all.objects.end());
  }
  Result<PullResult> pull(const Release& release, SlotDir& slots);
  /// As pull::pull_objects.
  Result<PullResult> pull_objects(const Release& release, const std::set<ObjectId>& files, SlotDir& slots);

  /// Of all pulls so far.
  std::set<ObjectId> served;

 private:
  Result<PullResult> run(pull::PullSession session, SlotDir& slots);

  std::map<ObjectId, std::string> objects_;
};

}  // namespace serin::apply
