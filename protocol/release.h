#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/clock.h"
#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/signature.h"

namespace serin {

using ReleaseNumber = std::uint64_t;  ///< counts from 1 for each application; 0 means none

/// An immutable state of an application's tree.
struct Release {
  std::string application;
  ReleaseNumber number = 0;
  ObjectId root;             ///< names every byte of the tree
  ReleaseNumber parent = 0;  ///< the release that it was built over; 0: none
  std::string author;
  std::string message;         ///< may hold any bytes: escape before showing
  std::int64_t created_s = 0;  ///< wall clock
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const Release&, const Release&) = default;

  /// The folder of its slot on a host, e.g. "r12-9f86d081884c".
  [[nodiscard]] std::string slot_name() const { return "r" + std::to_string(number) + "-" + root.brief(); }
};

/// What is stored and sent: the exact bytes that were signed, never a re-encoding.
struct SignedRelease {
  std::string record;     ///< encode_release's bytes
  std::string signature;  ///< over kReleaseDomain and record
  friend bool operator==(const SignedRelease&, const SignedRelease&) = default;
};

/// A msgpack map with the fields' names as keys.
std::string encode_release(const Release& release);
/// `corrupt` for bytes that are no release record or break a bound (message, names, sizes).
Result<Release> decode_release(std::string_view record);

SignedRelease sign_release(const SigningKey& key, const Release& release);
/// The release when one of the trusted keys signed it; `refused` when none did, `corrupt` when the record is bad.
/// The signature is checked before the record is read.
Result<Release> open_release(const SignedRelease& signed_release, const std::vector<std::string>& trusted_keys);

}  // namespace serin
