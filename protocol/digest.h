#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace serin {

/// The name of an object: the SHA-256 of its bytes. All zero means "nothing".
struct ObjectId {
  std::array<std::uint8_t, 32> bytes{};

  [[nodiscard]] bool is_nothing() const { return *this == ObjectId{}; }
  /// 64 lower-case hexadecimal digits, as sha256sum prints them.
  [[nodiscard]] std::string hex() const;
  /// The first 12 digits: what people see.
  [[nodiscard]] std::string brief() const { return hex().substr(0, 12); }
  /// The 32 bytes as they go over the wire.
  [[nodiscard]] std::string_view raw() const;
  static std::optional<ObjectId> from_hex(std::string_view digits);
  static std::optional<ObjectId> from_raw(std::string_view bytes);
  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

/// SHA-256 in pieces, by OpenSSL (SHA-NI where the processor has it). Not thread-safe; cheap to reuse.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  /// The id of all that was given since the last finish(); begins anew.
  ObjectId finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The id of these bytes.
ObjectId digest_of(std::string_view bytes);

/// Lower-case hexadecimal, and back (nothing when a digit is wrong or the length odd).
std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view digits);

}  // namespace serin

template <>
struct std::hash<serin::ObjectId> {
  std::size_t operator()(const serin::ObjectId& id) const noexcept;
};
