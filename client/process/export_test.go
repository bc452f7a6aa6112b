package process

import "slices"

// Pid is the number of the keeper's process.
func (k *Keeper) Pid() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.process.Process.Pid
}

// CgroupHas tells whether programs can be bound by that controller here.
func CgroupHas(control string) bool { return slices.Contains(ownCgroup().controls, control) }
