# U-Boot's script: chooses a slot, counts its tries down, starts its kernel. One file for the Pi (mmc) and for QEMU (virtio).
#
# The boot state is a U-Boot environment of its own in the partition "bootstate", which rauc changes through
# /etc/fw_env.config: BOOT_ORDER, the slots to try in turn; BOOT_x_LEFT, tries that a slot has before it counts as bad.
# A state that cannot be read (new card, torn write) means: A first, three tries each.

if test "${devtype}" = "virtio"; then
  setenv kernel_addr 0x42000000
  setenv ramdisk_addr 0x48000000
  setenv state_addr 0x50000000
  setenv fdt_address ${fdtcontroladdr}
  setenv console "console=ttyAMA0"
else
  # Debian's kernel is 37 MB unpacked: U-Boot's own addresses for the Pi would overlap.
  setenv kernel_addr 0x08000000
  setenv ramdisk_addr 0x10000000
  setenv state_addr 0x07000000
  setenv fdt_address 0x07400000
  setenv console "console=ttyS1,115200"
fi

part start ${devtype} ${devnum} bootstate state_block
setenv read_state "${devtype} read ${state_addr} ${state_block} 0x20; env import -c ${state_addr} 0x4000"
setenv write_state "env export -c -s 0x4000 ${state_addr} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT MACHINE_ID; ${devtype} write ${state_addr} ${state_block} 0x20"

run read_state || echo "evse: no boot state yet"
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

setenv slot
for candidate in ${BOOT_ORDER}; do
  if test -n "${slot}"; then true
  elif test "${candidate}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    part number ${devtype} ${devnum} kernel_a kernel_part
    setenv root root_a
    if load ${devtype} ${devnum}:${kernel_part} ${kernel_addr} vmlinuz; then setenv slot A; fi
  elif test "${candidate}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    part number ${devtype} ${devnum} kernel_b kernel_part
    setenv root root_b
    if load ${devtype} ${devnum}:${kernel_part} ${kernel_addr} vmlinuz; then setenv slot B; fi
  fi
done

if test -z "${slot}"; then
  echo "evse: no slot has tries left; starting over"
  setenv BOOT_A_LEFT 3
  setenv BOOT_B_LEFT 3
  run write_state
  reset
fi
echo "evse: slot ${slot}, order ${BOOT_ORDER}, tries left A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT}"
run write_state

load ${devtype} ${devnum}:${kernel_part} ${ramdisk_addr} initrd.img
setenv ramdisk_size ${filesize}
if test "${devtype}" != "virtio"; then
  setenv tree evse-cm4.dtb
  if test "${fdtfile}" = "broadcom/bcm2711-rpi-4-b.dtb"; then setenv tree evse-pi4.dtb; fi
  load ${devtype} ${devnum}:${kernel_part} ${fdt_address} ${tree}
fi
setenv machine_id
test -n "${MACHINE_ID}" && setenv machine_id "systemd.machine_id=${MACHINE_ID}"
# What a trial or a bench adds to the kernel command line: "extra=..." in a file on the boot partition.
setenv extra
if test -e ${devtype} ${devnum}:${distro_bootpart} evse-boot.env; then
  load ${devtype} ${devnum}:${distro_bootpart} ${state_addr} evse-boot.env && env import -t ${state_addr} ${filesize} extra
fi
# A root that does not come within 15 s is a bad slot: panic, and the next try. A damaged data partition is repaired as far
# as it goes: nobody is there to be asked.
setenv bootargs "root=PARTLABEL=${root} rootfstype=erofs ro rootwait=15 panic=5 fsck.repair=yes rauc.slot=${slot} ${console} net.ifnames=0 ${machine_id} ${extra}"
booti ${kernel_addr} ${ramdisk_addr}:${ramdisk_size} ${fdt_address}
echo "evse: the kernel of slot ${slot} did not start"
reset
