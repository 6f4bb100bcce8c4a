#pragma once

#include <algorithm>
#include <msgpack.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "protocol/text.h"
#include "protocol/wire_encoder.h"

/// msgpack maps to structs, by their fields(): see wire_codec.h.
namespace serin::codec {

inline constexpr std::size_t kKeyBytesShown = 64;  ///< of somebody else's key, in an error

/// Reads the fields of one map. The first error stays; what follows is left alone.
class Decoder {
 public:
  struct Rules {
    bool refuse_unknown_keys = false;  ///< else they are ignored
    std::size_t string_bytes_max = 64U << 10;
  };

  Decoder(const msgpack::object& map, Rules rules) : rules_(rules) {
    if (map.type != msgpack::type::MAP) {
      fail(ErrorKind::invalid, "a map was expected");
      return;
    }
    map_ = map.via.map;
    for (std::uint32_t i = 0; i < map_.size; ++i) {
      const msgpack::object& key = map_.ptr[i].key;
      if (key.type != msgpack::type::STR) {
        fail(ErrorKind::invalid, "a key that is no string");
        return;
      }
      keys_.emplace_back(key.via.str.ptr, key.via.str.size);
    }
    std::vector<std::string_view> sorted = keys_;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) {
      fail(ErrorKind::invalid, "the key '" + printable(*twice, kKeyBytesShown) + "' stands there twice");
    }
  }

  template <class T>
  void operator()(const char* key, T& value) {
    known_.emplace_back(key);
    const auto found = std::find(keys_.begin(), keys_.end(), std::string_view(key));
    if (found == keys_.end() || failed()) return;
    get(map_.ptr[found - keys_.begin()].val, value, key);
  }

  /// After all fields: an unknown key is an error where that is the rule.
  Result<void> finish() {
    for (const std::string_view key : keys_) {
      if (failed()) break;
      const bool known = std::find(known_.begin(), known_.end(), key) != known_.end();
      if (!known && rules_.refuse_unknown_keys)
        fail(ErrorKind::unsupported, "unsupported: " + printable(key, kKeyBytesShown));
    }
    if (failed()) return std::unexpected(error_);
    return {};
  }

 private:
  [[nodiscard]] bool failed() const { return !error_.text.empty(); }
  void fail(ErrorKind kind, std::string text) {
    if (!failed()) error_ = {kind, std::move(text)};
  }

  template <class T>
  void get(const msgpack::object& object, T& value, const char* key) {
    if constexpr (std::is_same_v<T, ObjectId>) {
      if (object.type != msgpack::type::BIN || object.via.bin.size != 32) return wrong(key, "32 bytes");
      value = *ObjectId::from_raw({object.via.bin.ptr, object.via.bin.size});
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (object.type != msgpack::type::STR && object.type != msgpack::type::BIN) return wrong(key, "a string");
      if (object.via.str.size > rules_.string_bytes_max) return wrong(key, "a shorter string");
      value.assign(object.via.str.ptr, object.via.str.size);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (object.type != msgpack::type::BOOLEAN) return wrong(key, "true or false");
      value = object.via.boolean;
    } else if constexpr (std::is_enum_v<T>) {
      std::uint64_t number = 0;
      if (!get_integer(object, number)) return wrong(key, "a small number");
      // An enumerator that this version does not have is `unknown`, which is 0 everywhere.
      const auto candidate = static_cast<T>(number > 255 ? 0 : number);
      value = name_of(candidate) == "unknown" ? T{} : candidate;
    } else if constexpr (std::is_integral_v<T>) {
      if (!get_integer(object, value)) return wrong(key, "a number that fits");
    } else if constexpr (IsVector<T>::value) {
      if (object.type != msgpack::type::ARRAY) return wrong(key, "a list");
      value.resize(object.via.array.size);
      for (std::size_t i = 0; i < value.size() && !failed(); ++i) get(object.via.array.ptr[i], value[i], key);
    } else {
      Decoder inner(object, rules_);
      fields(inner, value);
      if (auto done = inner.finish(); !done) fail(done.error().kind, done.error().text);
    }
  }

  template <class T>
  static bool get_integer(const msgpack::object& object, T& value) {
    if (object.type == msgpack::type::POSITIVE_INTEGER) {
      value = static_cast<T>(object.via.u64);
      return std::in_range<T>(object.via.u64);
    }
    if (object.type != msgpack::type::NEGATIVE_INTEGER) return false;
    value = static_cast<T>(object.via.i64);
    return std::in_range<T>(object.via.i64);
  }

  void wrong(const char* key, const char* wanted) {
    fail(ErrorKind::invalid, std::string("'") + key + "' is not " + wanted);
  }

  Rules rules_;
  msgpack::object_map map_{0, nullptr};
  std::vector<std::string_view> keys_;
  std::vector<std::string_view> known_;
  Error error_{};
};

/// The msgpack value that fills `bytes` exactly; `zone` owns what it points to. Bounded in depth and items.
inline Result<msgpack::object> unpack(std::string_view bytes, msgpack::zone& zone) {
  const msgpack::unpack_limit limit(limits::kUnpackItemsMax, limits::kUnpackItemsMax, bytes.size(), bytes.size(), 0,
                                    limits::kUnpackDepthMax);
  try {
    std::size_t offset = 0;
    bool referenced = false;
    const auto refer = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    const msgpack::object object =
        msgpack::unpack(zone, bytes.data(), bytes.size(), offset, referenced, refer, nullptr, limit);
    if (offset != bytes.size()) return failure(ErrorKind::invalid, "bytes left over after the message");
    return object;
  } catch (const std::exception& error) {
    return failure(ErrorKind::invalid, std::string("no msgpack that Serin takes: ") + error.what());
  }
}

template <class T>
Result<T> decode_map(std::string_view bytes, Decoder::Rules rules) {
  msgpack::zone zone;
  const auto object = unpack(bytes, zone);
  if (!object) return std::unexpected(object.error());
  T value;
  Decoder decoder(*object, rules);
  fields(decoder, value);
  if (auto done = decoder.finish(); !done) return std::unexpected(done.error());
  return value;
}

}  // namespace serin::codec
