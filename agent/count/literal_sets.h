#pragma once

#include <optional>
#include <set>
#include <string>

/// What parts of an expression fit, as sets of texts: how required_literals() puts the whole together. Pure.
namespace serin::count {

using Texts = std::set<std::string>;

/// What part of an expression fits.
struct Node {
  std::optional<Texts> whole;  ///< exactly these, in some places perhaps only
  Texts part;                  ///< or what holds one of these; empty: nothing is known
};

Node anything();
Node texts(Texts all);

/// -1: too short to be looked for, or none.
double rarity_of(const Texts& all);
/// What every text of the node holds.
Texts held(const Node& node);
Node either(const Node& left, const Node& right);

/// Parts one after the other.
class Sequence {
 public:
  void add(const Node& node);
  [[nodiscard]] Node node() const;

 private:
  Texts run_ = {""};  ///< what the last parts fit exactly
  Texts best_;
  bool broken_ = false;  ///< there is more than run_
};

}  // namespace serin::count
