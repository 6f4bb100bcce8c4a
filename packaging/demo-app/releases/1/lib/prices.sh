# shellcheck shell=bash
# What things cost. Prices are cents.
# shellcheck disable=SC2034 # pages.sh shows what is set here

# NUMBER: sets PRODUCT and PRICE.
shop_price_of() {
  local number
  while read -r number PRODUCT PRICE; do
    [[ $number == "$1" ]] && return 0
  done <"$SHOP_ROOT/data/catalogue.txt"
  log "ERROR there is no product $1"
  return 1
}

# NUMBER...: sets SUM.
shop_sum_of() {
  local number
  SUM=0
  for number; do
    shop_price_of "$number" || return
    ((SUM += PRICE))
  done
}
