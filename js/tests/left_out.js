/** Golden vectors that this package leaves to the command line, and what its refusal names. */
export const LEFT_OUT = {
  splice_replaced: /SPLICE blocks of kind LZMA/,
};
