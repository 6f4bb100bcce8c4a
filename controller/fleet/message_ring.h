#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "protocol/messages.h"

namespace serin::fleet {

/// Which error messages one host logged: second by second for the newest kFineSeconds, in sums of ten seconds beyond
/// them, for limits::kLedgerFine. At most kEntriesMax counts, the oldest go first. Pure; single-threaded; never fails.
class MessageRing {
 public:
  static constexpr std::int64_t kFineSeconds = 180;
  static constexpr std::size_t kEntriesMax = 4'096;

  /// What was logged in this second. One that comes again replaces what was there while it is fine; an older one that
  /// is new is added to its ten seconds.
  void put(std::int64_t second, const std::vector<SignatureCount>& counts, bool known_before);
  /// Empty beyond kFineSeconds. Valid until the next put().
  [[nodiscard]] const std::vector<SignatureCount>& at(std::int64_t second) const;
  /// Adds up what was logged in seconds >= since; of ten seconds that lie on both sides, all.
  void add_since(std::int64_t since, std::map<SignatureId, std::uint64_t>& sums) const;

 private:
  using Row = std::vector<SignatureCount>;
  void add_to_ten(std::int64_t second, const Row& counts);
  void forget_old(std::int64_t newest);

  std::map<std::int64_t, Row> fine_, tens_;  ///< by second, by the first of ten seconds; ascending by id
  std::size_t entries_ = 0;
};

}  // namespace serin::fleet
