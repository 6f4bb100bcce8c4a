#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "protocol/messages.h"

namespace serin::count {

/// Two versions of the normalisation give different ids to one message; they are never compared. Raised whenever any
/// text is normalised in another way: the golden ids of signature_test.cc say so.
inline constexpr unsigned kSignatureVersion = 1;

/// The message of an event without what differs from one event, host or release to the next, and its number.
///
/// The prefix (time, host, program, pid, level) is left out; then, in one pass and without any expression:
///   words with a digit, joined by . : - / ,    <#>     so are hexadecimal words of 8 letters and more
///   "quoted", 'quoted', `quoted`               <q>
///   absolute paths                             <p>/base.ext, without a line number after it; <p> without extension
///   user=, rhost=, id= ...; sshd's user names  <v>
///   passwords, tokens, cookies, query strings  <v>
///   e-mail addresses                           <email>
///   blanks and control characters              one blank
/// then, where the event has them, " | " and its exception, " @ " and its innermost frame in the application.
///
/// The same text on every host, whatever the release's folder and however long its numbers are; equal texts, and only
/// those (but for collisions of 64 bits), have equal ids. The rule is no part of it. Pure; never fails; about 100 ns.
class Signature {
 public:
  explicit Signature(std::string_view event);

  /// XXH64 of text(), seeded with kSignatureVersion; never 0.
  [[nodiscard]] SignatureId id() const { return id_; }
  /// At most kTextBytes, any bytes but control characters. Lives as long as this.
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

  static constexpr std::size_t kMessageBytes = 256;  ///< of the normalised message that count
  static constexpr std::size_t kPlaceBytes = 128;    ///< of the exception, and of the frame
  static constexpr std::size_t kTextBytes = kMessageBytes + 2 * kPlaceBytes + 6;
  /// Of each part looked at. More than is kept: what is masked must not decide where a long message is cut.
  static constexpr std::size_t kBytesSeen = 1'024;

 private:
  std::array<char, kTextBytes> text_;
  std::size_t size_ = 0;
  SignatureId id_ = 0;
};

/// Of what is no event: the number of this text itself. Never 0.
SignatureId id_of_text(std::string_view text);

}  // namespace serin::count
