/* SPDX-License-Identifier: Apache-2.0
 *
 * The table behind chars.h. Bytes from 0x80 on are in none of the sets.
 */
#include "http/chars.h"

#define NONE 0
#define UNRE (WEIR_CHAR_TOKEN | WEIR_CHAR_UNRESERVED | WEIR_CHAR_PCHAR | WEIR_CHAR_COOKIE)
#define TKPC (WEIR_CHAR_TOKEN | WEIR_CHAR_PCHAR | WEIR_CHAR_COOKIE)
#define TK_C (WEIR_CHAR_TOKEN | WEIR_CHAR_COOKIE)
#define X_PC (WEIR_CHAR_PCHAR | WEIR_CHAR_COOKIE)
#define X_P_ WEIR_CHAR_PCHAR
#define X__C WEIR_CHAR_COOKIE

const unsigned char weir_char_sets[256] = {
	[0x20] = NONE, TKPC, NONE, TK_C, TKPC, TK_C, TKPC, TKPC, /* SP ! " # $ % & ' */
	[0x28] = X_PC, X_PC, TKPC, TKPC, X_P_, UNRE, UNRE, X__C, /* ( ) * + , - . / */
	[0x30] = UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* 0 1 2 3 4 5 6 7 */
	[0x38] = UNRE, UNRE, X_PC, X_P_, X__C, X_PC, X__C, X__C, /* 8 9 : ; < = > ? */
	[0x40] = X_PC, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* @ A B C D E F G */
	[0x48] = UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* H I J K L M N O */
	[0x50] = UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* P Q R S T U V W */
	[0x58] = UNRE, UNRE, UNRE, X__C, NONE, X__C, TK_C, UNRE, /* X Y Z [ \ ] ^ _ */
	[0x60] = TK_C, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* ` a b c d e f g */
	[0x68] = UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* h i j k l m n o */
	[0x70] = UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, UNRE, /* p q r s t u v w */
	[0x78] = UNRE, UNRE, UNRE, X__C, TK_C, X__C, UNRE, NONE, /* x y z { | } ~ DEL */
};
