//: what      pre takes one cycle a group of tables, each group once, in order
//: design    name = f;m = 2;n = 2;k = 2;depth = 2;pre_units = 1;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_pre_control
//: depth     16
//: induction 6
  reg past_q = 1'b0;
  reg [2:0] age_q;
  always @(posedge clk_i) past_q <= 1'b1;
  always @(posedge clk_i) age_q <= issue_i ? 3'd0 : age_q + busy_o;
  always @* begin
    assume (rst_ni == past_q);
    assume (!issue_i | ready_o);
    if (rst_ni & busy_o) begin
      assert (age_q <= 3'd3);
      assert ({1'b0, group_o} == age_q);
      assert (ready_o == (age_q == 3'd3));
      cover (ready_o & issue_i);
    end
    if (rst_ni & ~busy_o) assert (ready_o);
  end
