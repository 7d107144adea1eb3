// SPDX-License-Identifier: GPL-2.0
/*
 * evse-simhw - the carrier board's ADC and PWM, for tests of the booted image
 *
 * One SPI controller with an MCP3208 at chip select 0 of bus 0, and one PWM chip on a platform device that has the
 * name of the Pi's own. What hangs on them is in debugfs, evse-simhw/:
 *
 *   adc0 ... adc7    codes (0..4095) of each channel; of the pilot's, adc0, while the PWM is high
 *   pilot_low        the code of adc0 while the PWM is low
 *   conversions      how many the ADC has made
 *   period, duty     of PWM channel 0, in ns
 *   enabled          1: it runs
 *
 * The pilot's two plateaus alternate by the kernel's clock, as the pilot does by the PWM's: a burst of conversions
 * sees both, at any phase, in proportion to the duty.
 */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pwm.h>
#include <linux/spi/spi.h>

#define PWM_DEVICE "fe20c000.pwm"
#define CHANNELS_N 8
#define PILOT 0
#define FRAME_BYTES 3

static u32 adc[CHANNELS_N];
static u32 pilot_low;
static u32 conversions;
static u64 period_ns, duty_ns;
static u32 enabled;

static struct platform_device *device;
static struct spi_controller *controller;
static struct pwm_chip *chip;
static struct dentry *files;

static bool pwm_is_high(void)
{
	u64 phase_ns;

	if (!enabled || !period_ns)
		return false;
	div64_u64_rem(ktime_get_ns(), period_ns, &phase_ns);
	return phase_ns < duty_ns;
}

static u16 code_of(unsigned int channel)
{
	if (channel == PILOT && !pwm_is_high())
		return pilot_low & 0xfff;
	return adc[channel] & 0xfff;
}

/* Data sheet DS21298, figure 6-1: start bit, single-ended, three bits of channel; a null bit before the result. */
static int convert(struct spi_controller *ctlr, struct spi_device *spi, struct spi_transfer *xfer)
{
	const u8 *tx = xfer->tx_buf;
	u8 *rx = xfer->rx_buf;
	u16 code;

	if (!rx)
		return 0;
	memset(rx, 0xff, xfer->len); /* nobody drives MISO */
	if (!tx || xfer->len < FRAME_BYTES || !(tx[0] & 0x04))
		return 0;
	code = code_of((tx[0] & 0x01) << 2 | tx[1] >> 6);
	rx[1] = 0xe0 | code >> 8;
	rx[2] = code & 0xff;
	conversions++;
	return 0;
}

static int pwm_apply(struct pwm_chip *unused, struct pwm_device *pwm, const struct pwm_state *state)
{
	if (pwm->hwpwm)
		return 0; /* the second channel drives nothing here */
	period_ns = state->period;
	duty_ns = state->duty_cycle;
	enabled = state->enabled;
	return 0;
}

static const struct pwm_ops pwm_ops = { .apply = pwm_apply };

static struct spi_board_info adc_info = {
	.modalias = "dh2228fv", /* a name that spidev binds to */
	.max_speed_hz = 1000000,
};

static int __init add_spi(void)
{
	int error;

	controller = spi_alloc_host(&device->dev, 0);
	if (!controller)
		return -ENOMEM;
	controller->bus_num = 0;
	controller->num_chipselect = 1;
	controller->transfer_one = convert;
	error = spi_register_controller(controller);
	if (error) {
		spi_controller_put(controller);
		return error;
	}
	if (spi_new_device(controller, &adc_info))
		return 0;
	spi_unregister_controller(controller);
	return -ENODEV;
}

static int __init add_pwm(void)
{
	int error;

	chip = pwmchip_alloc(&device->dev, 2, 0);
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	chip->ops = &pwm_ops;
	error = pwmchip_add(chip);
	if (error)
		pwmchip_put(chip);
	return error;
}

static void __init add_files(void)
{
	char name[] = "adc0";
	int n;

	files = debugfs_create_dir("evse-simhw", NULL);
	for (n = 0; n < CHANNELS_N; n++) {
		name[3] = '0' + n;
		debugfs_create_u32(name, 0600, files, &adc[n]);
	}
	debugfs_create_u32("pilot_low", 0600, files, &pilot_low);
	debugfs_create_u32("conversions", 0400, files, &conversions);
	debugfs_create_u64("period", 0400, files, &period_ns);
	debugfs_create_u64("duty", 0400, files, &duty_ns);
	debugfs_create_u32("enabled", 0400, files, &enabled);
}

static int __init simhw_init(void)
{
	int error;

	device = platform_device_register_simple(PWM_DEVICE, PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	error = add_spi();
	if (error)
		goto no_spi;
	error = add_pwm();
	if (error)
		goto no_pwm;
	add_files();
	return 0;
no_pwm:
	spi_unregister_controller(controller);
no_spi:
	platform_device_unregister(device);
	return error;
}

static void __exit simhw_exit(void)
{
	debugfs_remove_recursive(files);
	pwmchip_remove(chip);
	pwmchip_put(chip);
	spi_unregister_controller(controller);
	platform_device_unregister(device);
}

module_init(simhw_init);
module_exit(simhw_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("MCP3208 and PWM of the EVSE carrier board, simulated for tests");
