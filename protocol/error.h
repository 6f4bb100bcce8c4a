#pragma once

#include <expected>
#include <string>
#include <utility>

namespace serin {

/// What the caller can do about a failure; the text says what, which and why.
enum class ErrorKind {
  invalid,      ///< the input is wrong and will stay wrong: refuse it, name it
  not_found,    ///< the thing named does not exist
  refused,      ///< allowed by nobody's rules: a guard, a permission, a signature
  busy,         ///< later may work: a lock, a full queue, a peer that is away
  corrupt,      ///< bytes that are not what they claim to be
  no_space,     ///< disk or memory bound reached
  io,           ///< the operating system said no
  unsupported,  ///< a newer or foreign format
};

struct Error {
  ErrorKind kind = ErrorKind::io;
  std::string text;
  friend bool operator==(const Error&, const Error&) = default;
};

/// An expected failure is a value. Returned or handled, never logged and returned.
template <class T>
using Result = std::expected<T, Error>;

/// `return failure(ErrorKind::invalid, fmt::format(...));`
inline std::unexpected<Error> failure(ErrorKind kind, std::string text) {
  return std::unexpected(Error{kind, std::move(text)});
}

/// Passes an error on with what was being done in front of it.
inline std::unexpected<Error> failure(const Error& cause, const std::string& doing) {
  return std::unexpected(Error{cause.kind, doing + ": " + cause.text});
}

}  // namespace serin
