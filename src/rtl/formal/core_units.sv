//: what      the units see what the sequencer issues: no issue while a unit is occupied, but in its last cycle
//: design    name = f;m = 1;n = 2;k = 2;wbits = 2;bus_bytes = 8;mem_latency = 2;a_regs = 2;t_regs = 2;w_regs = 2;c_regs = 2;s_regs = 2
//: unit      core
//: inside    @P@
//: cut       u_sequencer.sum u_sequencer.again u_sequencer.depth_q legal
//: depth     9
//: induction 4
  reg past_q = 1'b0;
  always @(posedge clk_i) past_q <= 1'b1;
  always @(posedge clk_i) if (past_q && $past(rst_ni)) begin
    // an issue occupies its unit from the next cycle on
    if ($past(issue_mem)) assert (mem_busy);
    if ($past(issue_pre)) assert (pre_busy);
    if ($past(issue_lmma | issue_zero)) assert (mma_busy);
    // and nothing else does
    if (mem_busy & ~$past(mem_busy)) assert ($past(issue_mem));
    if (pre_busy & ~$past(pre_busy)) assert ($past(issue_pre));
    if (mma_busy & ~$past(mma_busy)) assert ($past(issue_lmma | issue_zero));
    // a unit that is ready is idle in the next cycle unless something issues
    if ($past(mem_ready & ~issue_mem)) assert (~mem_busy);
    if ($past(pre_ready & ~issue_pre)) assert (~pre_busy);
    cover ($past(issue_mem) & $past(mem_busy));
    cover (mem_busy & pre_busy & mma_busy);
  end
  always @* assume (rst_ni == past_q);
