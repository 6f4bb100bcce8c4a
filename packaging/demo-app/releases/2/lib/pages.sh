# shellcheck shell=bash
# The shop's pages. Each leaves its text in REPLY.

shop_front_page() {
  local number name list=''
  while read -r number name _; do
    list+="$number. $name"$'\n'
  done <"$SHOP_ROOT/data/catalogue.txt"
  REPLY="Welcome to the paper shop"$'\n'$list
}

shop_product_page() {
  shop_price_of "$1" || return
  REPLY="$PRODUCT costs $PRICE"
}

shop_basket_page() {
  shop_sum_of "$@" || return
  REPLY="Your basket: $SUM cents"
}

shop_checkout_page() {
  local order=$1
  shift
  shop_sum_of "$@" || return
  # Every eighth customer pays with a gift card, and gift cards are known to run dry.
  if ((order % 40 == 4)); then
    log "ERROR order $order: the gift card has less than $SUM cents left, asked for another payment"
  fi
  REPLY="Thank you for order $order: $SUM cents"
}
