/** Golden vectors that this package leaves to the command line, and what its refusal names. */
export const LEFT_OUT = {
  zstd: /ZSTD blocks/,
  zstd_base: /ZSTD_BASE blocks/,
  splice_literals: /SPLICE blocks of kind zstd/,
  splice_replaced: /SPLICE blocks of kind LZMA/,
};
