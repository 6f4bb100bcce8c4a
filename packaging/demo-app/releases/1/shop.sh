# shellcheck shell=bash
# The shop. The worker loads this file and calls shop_serve PAGE NUMBER for each request: the answer goes into REPLY, a
# status other than 0 is an error 500. SHOP_ROOT is the tree that this file lies in; log writes into the shop's log.

# shellcheck disable=SC2034 # the worker tells it
SHOP_VERSION=1
# shellcheck source=/dev/null
source "$SHOP_ROOT/lib/prices.sh" && source "$SHOP_ROOT/lib/pages.sh"

shop_serve() {
  case $1 in
    /) shop_front_page ;;
    /product/*) shop_product_page "${1#/product/}" ;;
    /basket) shop_basket_page 3 7 ;;
    /checkout) shop_checkout_page "$2" 3 7 ;;
    *) return 44 ;;
  esac
}
