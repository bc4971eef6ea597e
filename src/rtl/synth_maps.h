/* Verilog that tells Yosys how to make arithmetic from full adders: see synth_flow.c. */
#ifndef NAP_RTL_SYNTH_MAPS_H
#define NAP_RTL_SYNTH_MAPS_H

extern const char nap_map_multiply[];   /* $mul: Baugh-Wooley rows, then additions */
extern const char nap_map_compare[];    /* $lt, $le, $gt, $ge: a carry chain without sums */
extern const char nap_map_full_adder[]; /* $fa, $alu: "_nap_one_adder", gates at constants */

#endif
