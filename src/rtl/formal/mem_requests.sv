//: what      a load or store requests as many beats as its fragment has, at rising addresses
//: design    name = f;m = 2;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@_mem
//: depth     20
//: induction 4
  reg past_q = 1'b0;
  reg [3:0]  sent_q;
  reg [31:0] base_q;
  reg        sto_now_q;
  always @(posedge clk_i) past_q <= 1'b1;
  always @(posedge clk_i) begin
    if (issue_i) begin
      sent_q <= 4'd0;
      base_q <= addr_i;
      sto_now_q <= store_i & sto_i;
    end else if (mem_req_o) begin
      sent_q <= sent_q + 4'd1;
    end
  end
  wire [3:0] left = store_q ? (time_q > beats_q ? {1'b0, beats_q} : {1'b0, time_q})
                            : (time_q > LATENCY ? {1'b0, time_q} - {1'b0, LATENCY} : 4'd0);
  always @* begin
    assume (rst_ni == past_q);
    assume (!issue_i | ready_o);
    assume (file_i <= 3'd4);
    assume ((planes_i == 4'd1) | (planes_i == 4'd2));
    if (rst_ni & busy_o) begin
      assert ((beats_q >= 1) & (beats_q <= 4));
      assert (time_q <= beats_q + (store_q ? 1 : LATENCY));
      assert (sent_q + left == {1'b0, beats_q});
      assert (addr_q == base_q + {25'd0, sent_q, 3'd0});
      if (mem_req_o) begin
        assert (mem_we_o == store_q);
        assert (mem_addr_o == base_q + {25'd0, sent_q, 3'd0});
      end
      if (ready_o) assert (sent_q + mem_req_o == {1'b0, beats_q});
      cover (ready_o & ~store_q & (sent_q == 4'd2));
      cover (ready_o & store_q & sto_now_q);
    end
    if (rst_ni & ~busy_o) assert (~mem_req_o);
  end
