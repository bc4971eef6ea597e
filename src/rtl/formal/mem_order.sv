//: what      data of a load are written exactly the memory's latency after their request, beats in order
//: design    name = f;m = 2;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_mem
//: depth     20
//: induction 8
  reg past_q = 1'b0;
  reg [1:0] asked_q = 2'd0;  // reads on their way
  reg [3:0] got_q;
  always @(posedge clk_i) past_q <= 1'b1;
  always @(posedge clk_i) begin
    asked_q <= rst_ni ? {asked_q[0], mem_req_o & ~mem_we_o} : 2'd0;
    if (issue_i) got_q <= 4'd0;
    else if (load_o != 5'd0) got_q <= got_q + 4'd1;
  end
  always @* begin
    assume (rst_ni == past_q);
    assume (!issue_i | ready_o);
    assume (file_i <= 3'd4);
    assume ((planes_i == 4'd1) | (planes_i == 4'd2));
    if (rst_ni) begin
      assert ((load_o != 5'd0) == asked_q[1]);
      assert ((load_o & (load_o - 5'd1)) == 5'd0);
      if (load_o != 5'd0) assert ({3'd0, beat_o} == got_q);
      // reachable states: the reads on their way follow from the time left
      if (busy_o) begin
        assert ((beats_q >= 1) & (beats_q <= 4));
        assert (time_q <= beats_q + (store_q ? 1 : LATENCY));
      end
      assert (asked_q[0] == (busy_o & ~store_q & (time_q >= LATENCY) & (time_q < beats_q + LATENCY)));
      assert (asked_q[1] == (busy_o & ~store_q & (time_q <= beats_q)));
      if (busy_o & ~store_q)
        assert (got_q == (time_q > beats_q ? 4'd0 : {1'b0, beats_q} - {1'b0, time_q}));
      if (busy_o) assert (store_q | (beat_q == got_q[0]));
      cover (load_o[3] & (got_q == 4'd1));
    end
  end
