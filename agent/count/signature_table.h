#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/clock.h"
#include "protocol/messages.h"

namespace serin::count {

/// Two versions of the normalisation give different ids to one message; they are never compared.
inline constexpr unsigned kSignatureVersion = 1;

/// The messages of one application's errors: each normalised, named by its id, counted. Memory is bounded whatever the
/// messages are. Pure; single-threaded; never fails.
class SignatureTable {
 public:
  /// What is known of one message.
  struct Known {
    SignatureId id = 0;
    std::string rule;
    std::string text;  ///< normalised, or as the source's setting wants it
  };

  /// One event that `rule` fits; `text`: its lines, without the newline of the last.
  void add(std::string_view rule, std::string_view text, SteadyTime now);
  /// What was added since the last call, ascending by id.
  std::vector<SignatureCount> take();
  /// nullptr: unknown, or forgotten.
  [[nodiscard]] const Known* find(SignatureId id) const;

 private:
  std::map<SignatureId, Known> known_;
  std::map<SignatureId, std::uint32_t> added_;
};

}  // namespace serin::count
