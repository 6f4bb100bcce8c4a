#pragma once

#include <cstdint>
#include <msgpack.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "protocol/digest.h"

/// Structs to msgpack maps, from their fields(): see wire_codec.h.
namespace serin::codec {

template <class T>
concept Struct = std::is_class_v<T> && !std::is_same_v<T, std::string> && !std::is_same_v<T, ObjectId>;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

struct CountFields {
  std::uint32_t count = 0;
  template <class T>
  void operator()(const char* /*key*/, T& /*value*/) {
    ++count;
  }
};

/// Packs one value after the other.
class Encoder {
 public:
  explicit Encoder(msgpack::sbuffer& buffer) : packer_(buffer) {}

  template <class T>
  void operator()(const char* key, T& value) {
    packer_.pack(key);
    put(value);
  }

  template <class T>
  void put(T& value) {
    if constexpr (std::is_same_v<T, ObjectId>) {
      const std::string_view raw = value.raw();
      packer_.pack_bin(static_cast<std::uint32_t>(raw.size()));
      packer_.pack_bin_body(raw.data(), static_cast<std::uint32_t>(raw.size()));
    } else if constexpr (std::is_enum_v<T>) {
      packer_.pack(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (IsVector<T>::value) {
      packer_.pack_array(static_cast<std::uint32_t>(value.size()));
      for (auto& item : value) put(item);
    } else if constexpr (Struct<T>) {
      CountFields counter;
      fields(counter, value);
      packer_.pack_map(counter.count);
      fields(*this, value);
    } else {
      packer_.pack(value);
    }
  }

 private:
  msgpack::packer<msgpack::sbuffer> packer_;
};

template <class T>
std::string encode_map(T& value) {
  msgpack::sbuffer buffer;
  Encoder encoder(buffer);
  encoder.put(value);
  return {buffer.data(), buffer.size()};
}

}  // namespace serin::codec
