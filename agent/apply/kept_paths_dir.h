#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "protocol/error.h"
#include "protocol/tree_diff.h"

namespace serin::apply {

/// A link in a tree to what is kept outside of it.
struct KeptLink {
  std::string path;    ///< in the tree
  std::string target;  ///< as it stands in the link
};

/// A tree that is live and may hold real files where links should be.
struct StandingTree {
  std::filesystem::path folder;
  ObjectId root;  ///< of the release that it is; nothing for the folder from before Serin
};

/// What an application writes and no release holds: it lives in KEEP_DIR/APPLICATION/PATH, and every tree has a link to
/// it at PATH. Links are relative where the folder that holds the live path holds the trees and KEEP_DIR too, so that
/// they lead to the same when that folder is mounted elsewhere, else absolute. Nothing here ever removes a file, and no
/// path is absent for a moment: what is real becomes a link by one exchange of names. One thread.
class KeptPaths {
 public:
  /// Makes KEEP_DIR/APPLICATION, the parents of what is kept, and an empty folder for each path that is written with a
  /// '/' at its end and is not there: those with the owner, group and mode of KEEP_DIR/APPLICATION. `live` without a
  /// slash at its end.
  static Result<KeptPaths> open(const agent::ApplicationSettings& settings, const std::filesystem::path& live,
                                const std::filesystem::path& slots_dir);

  /// For a tree in SLOTS_DIR.
  [[nodiscard]] const std::vector<KeptLink>& slot_links() const { return slot_links_; }
  /// For the folder at the live path, and beside it.
  [[nodiscard]] const std::vector<KeptLink>& folder_links() const { return folder_links_; }

  /// `refused`, with the path, when the release has something where a kept path or a folder that leads to it must be.
  [[nodiscard]] Result<void> check_release(const ObjectId& root, const TreeLoader& load) const;
  /// `refused`, with the path and the remedy, when settle() would be.
  [[nodiscard]] Result<void> check(const StandingTree& tree, const std::vector<KeptLink>& links,
                                   const TreeLoader& load) const;
  /// Makes every kept path of the tree a link. What is real there and nobody's release moves into KEEP_DIR, when it is
  /// on the same filesystem and nothing is there yet. `refused` otherwise; what was done before stays done, and does no
  /// harm. What a release brought stays as it is, provided that a copy is kept.
  Result<void> settle(const StandingTree& tree, const std::vector<KeptLink>& links, const TreeLoader& load) const;
  /// Puts links where nothing is.
  Result<void> fill(const std::filesystem::path& folder, const std::vector<KeptLink>& links) const;

 private:
  /// What makes a path of a tree a kept one.
  enum class Remedy { nothing, link, relink, keep_link, move };
  [[nodiscard]] Result<Remedy> remedy_for(const StandingTree& tree, const KeptLink& link, const TreeLoader& load) const;
  [[nodiscard]] Result<Remedy> remedy_for_link(const std::filesystem::path& at, const KeptLink& link) const;
  [[nodiscard]] Result<Remedy> remedy_for_real(const std::filesystem::path& at, const KeptLink& link) const;
  [[nodiscard]] Result<Remedy> remedy_for_released(const std::filesystem::path& at, const KeptLink& link,
                                                   const TreeEntry& entry, const TreeLoader& load) const;
  Result<void> apply(Remedy remedy, const std::filesystem::path& folder, const KeptLink& link) const;
  Result<void> clear_kept(const KeptLink& link) const;
  /// Nothing is kept there yet.
  [[nodiscard]] bool is_free(const KeptLink& link) const;
  [[nodiscard]] std::filesystem::path kept(const KeptLink& link) const { return home_ / link.path; }

  std::filesystem::path home_;  ///< KEEP_DIR/APPLICATION
  std::vector<agent::KeptPath> paths_;
  std::vector<KeptLink> slot_links_, folder_links_;
};

}  // namespace serin::apply
