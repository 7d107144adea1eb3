// SPDX-License-Identifier: GPL-2.0
/*
 * evse-eeprom - an I2C bus with a 24C32, for tests of the booted image
 *
 * i2c-stub knows commands of one byte. An EEPROM of this size has addresses of two, a counter that goes on by itself,
 * pages that a write does not leave, and some milliseconds in which it acknowledges nothing (Microchip DS21072).
 * The bus has a number that no other has: it is /dev/i2c-10.
 */
#include <linux/i2c.h>
#include <linux/ktime.h>
#include <linux/module.h>

#define BUS 10
#define CHIP 0x50
#define SIZE 4096
#define PAGE 32
#define ADDRESS_BYTES 2
#define WRITE_MS 5

static u8 cells[SIZE];
static u16 at;
static ktime_t busy_until;

static void store(const u8 *data, unsigned int count)
{
	u16 page = at & ~(PAGE - 1);

	while (count--) {
		cells[at] = *data++;
		at = page | ((at + 1) & (PAGE - 1));
	}
	busy_until = ktime_add_ms(ktime_get(), WRITE_MS);
}

static void receive(const u8 *data, unsigned int count)
{
	if (count < ADDRESS_BYTES)
		return;
	at = (data[0] << 8 | data[1]) % SIZE;
	if (count > ADDRESS_BYTES)
		store(data + ADDRESS_BYTES, count - ADDRESS_BYTES);
}

static void send(u8 *data, unsigned int count)
{
	while (count--) {
		*data++ = cells[at];
		at = (at + 1) % SIZE;
	}
}

/* The core calls it with the bus locked. */
static int transfer(struct i2c_adapter *unused, struct i2c_msg *messages, int count)
{
	int n;

	for (n = 0; n < count; n++) {
		struct i2c_msg *message = &messages[n];

		if (message->addr != CHIP || ktime_before(ktime_get(), busy_until))
			return -ENXIO; /* nobody acknowledges */
		if (message->flags & I2C_M_RD)
			send(message->buf, message->len);
		else
			receive(message->buf, message->len);
	}
	return count;
}

static u32 functionality(struct i2c_adapter *unused)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
	.master_xfer = transfer,
	.functionality = functionality,
};

static struct i2c_adapter bus = {
	.owner = THIS_MODULE,
	.algo = &algorithm,
	.name = "evse-eeprom",
	.nr = BUS,
};

static int __init eeprom_init(void)
{
	memset(cells, 0xff, sizeof(cells)); /* as it leaves the factory */
	return i2c_add_numbered_adapter(&bus);
}

static void __exit eeprom_exit(void)
{
	i2c_del_adapter(&bus);
}

module_init(eeprom_init);
module_exit(eeprom_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("24C32 of the EVSE carrier board, simulated for tests");
