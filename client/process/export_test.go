package process

// Pid is the number of the keeper's process.
func (k *Keeper) Pid() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.process.Process.Pid
}

// CgroupHas tells whether programs can be bound by that controller here.
func CgroupHas(control string) bool {
	h := ownCgroup()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handOn(control) == ""
}

// CgroupHome is the cgroup that those of programs are made in.
func CgroupHome() string { return ownCgroup().dir }

// CgroupDir is the cgroup of the program.
func (p *Process) CgroupDir() string { return p.family.cgroup.dir }

// KillEach kills as on kernels that have no cgroup.kill.
func (p *Process) KillEach() { p.family.cgroup.killEach() }

// SetHome has programs started in cgroups below dir until undo is called.
func SetHome(dir string) (undo func()) {
	was := ownCgroup
	ownCgroup = func() *cgroupHome { return &cgroupHome{dir: dir} }
	return func() { ownCgroup = was }
}
