//: what      a register has one writer in a cycle, if the program keeps to the rule of waits
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@
//: cut       u_sequencer.sum u_sequencer.again u_sequencer.depth_q legal
//: depth     8
//: induction 9
  reg past_q = 1'b0;
  reg load_q;         // MEM's last instruction was a load ...
  reg [2:0] file_q;   // ... to this file
  always @(posedge clk_i) begin
    past_q <= 1'b1;
    if (issue_mem) begin
      load_q <= ~store;
      file_q <= file;
    end
  end
  wire [5:0] rd = imem_rdata_i[10:5];
  always @* begin
    assume (rst_ni == past_q);
    // the rule, as nap_program_check() has it: a destination of one unit waits for the other unit
    if (issue_mem & ~store & (file == 3'd1)) assume (!pre_busy | (pre_t_reg != rd));
    if (issue_pre) assume (!(mem_busy & load_q & (file_q == 3'd1)) | (mem_reg != rd));
    // accumulators: none loaded while MMA works, and the other way round
    if (issue_mem & ~store & (file == 3'd3)) assume (!mma_busy & !issue_lmma & !issue_zero);
    if (issue_lmma | issue_zero) assume (!(mem_busy & load_q & (file_q == 3'd3)));
    if (rst_ni) begin
      assert (!(load[1] & pre_busy & (mem_reg == pre_t_reg)));
      assert (!(load[3] & c_we));
      cover (load[1] & pre_busy);
    end
  end
